"""A bundle knows what it was trained on, and what looks the same."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from tests.vision.planted import EDITS, saved
from tests.vision.test_bundle import DESCRIPTION, TENSORS
from tests.vision.test_near_copies import picture
from vision.bundles.bundle import (
    MANIFEST,
    TRAINED_ON,
    add_trained_on,
    copy_bundle,
    load_bundle,
    read_manifest,
    save_bundle,
)
from vision.bundles.seen import SeenCounter, has_seen
from vision.bundles.trained_on import TrainedOn, of_examples
from vision.data.inspection import inspect
from vision.data.labelled_files import LabelledFile
from vision.data.utkface import Labels
from vision.errors import BundleCorrupt


def learnt_from(*files: bytes, selection: str = "f" * 64) -> TrainedOn:
    digests = [hashlib.sha256(data).hexdigest() for data in files]
    return of_examples(digests, [inspect(data).perceptual_hash for data in files], selection)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    learnt = learnt_from(saved(picture(1)), saved(picture(2)))
    save_bundle(tmp_path / "tiny", DESCRIPTION, TENSORS, trained_on=learnt)
    return tmp_path / "tiny"


def same(one: TrainedOn | None, other: TrainedOn | None) -> bool:
    assert one is not None
    assert other is not None
    return (
        np.array_equal(one.contents, other.contents)
        and np.array_equal(one.hashes, other.hashes)
        and (one.selections, one.unknown) == (other.selections, other.unknown)
    )


def test_the_list_comes_back_as_it_was_saved_and_travels_with_the_bundle(
    bundle: Path, tmp_path: Path
) -> None:
    learnt = learnt_from(saved(picture(1)), saved(picture(2)))
    assert same(load_bundle(bundle).trained_on, learnt)
    copy_bundle(bundle, tmp_path / "copy")
    assert same(load_bundle(tmp_path / "copy").trained_on, learnt)
    about = read_manifest(bundle)["trained_on"]
    assert about == {"contents": 2, "selections": ["f" * 64], "unknown": []}


def test_an_older_bundle_has_no_list_and_loads(tmp_path: Path) -> None:
    save_bundle(tmp_path / "old", DESCRIPTION, TENSORS)
    assert load_bundle(tmp_path / "old").trained_on is None


def test_a_list_is_added_to_a_bundle_that_is_there(tmp_path: Path) -> None:
    save_bundle(tmp_path / "old", DESCRIPTION, TENSORS, documents={"CARD.md": "hello"})
    learnt = learnt_from(saved(picture(1)))
    manifest = add_trained_on(tmp_path / "old", learnt)
    assert manifest == read_manifest(tmp_path / "old")
    loaded = load_bundle(tmp_path / "old")
    assert same(loaded.trained_on, learnt)
    assert loaded.tensors.keys() == TENSORS.keys()
    assert {f.name for f in (tmp_path / "old").iterdir()} == {
        MANIFEST, TRAINED_ON, "weights.safetensors", "CARD.md",
    }  # fmt: skip


@pytest.mark.parametrize("damage", [b"", b"no list of anything", None])
def test_a_damaged_or_lost_list_is_a_corrupt_bundle(bundle: Path, damage: bytes | None) -> None:
    file = bundle / TRAINED_ON
    file.unlink() if damage is None else file.write_bytes(damage)
    with pytest.raises(BundleCorrupt, match="trained on is damaged"):
        load_bundle(bundle)


def test_two_lists_together_hold_what_either_does() -> None:
    one, two, three = (saved(picture(n)) for n in (1, 2, 3))
    both = learnt_from(one, two) | learnt_from(two, three, selection="e" * 64)
    both |= TrainedOn(unknown=("an old one",))
    assert len(both) == 3
    assert all(has_seen(both, data) for data in (one, two, three))
    assert both.selections == ("e" * 64, "f" * 64)
    assert both.unknown == ("an old one",)


def test_what_was_learnt_and_what_looks_the_same_is_seen_and_strangers_are_not() -> None:
    image = picture(1)
    learnt = learnt_from(saved(image))
    assert has_seen(learnt, saved(image))
    assert has_seen(learnt, saved(EDITS["mirrored"](image)))
    assert has_seen(learnt, saved(EDITS["recompressed"](image)))
    assert not any(has_seen(learnt, saved(picture(seed))) for seed in range(2, 100))
    assert not has_seen(learnt, b"no image")


def test_files_that_go_by_are_counted_and_all_of_them_handed_on() -> None:
    labels = Labels(30, 0, 0)
    files = [LabelledFile(f"{n}.jpg", saved(picture(n)), labels) for n in range(5)]
    nameless = LabelledFile("nameless.jpg", files[0].data, None, "malformed_name")
    seen = SeenCounter(learnt_from(files[0].data, files[3].data))
    assert list(seen.watch([*files, nameless])) == [*files, nameless]
    assert seen.count == 2
    unknown = SeenCounter(None)
    assert list(unknown.watch(files)) == files
    assert unknown.count is None
