"""Features are computed once, survive a killed process, and keep within their room."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.vision.training_set import ROW_BYTES, SIZE, make_curated, small_backbone
from vision.backbone.vgg16 import build_backbone, preprocess
from vision.bundles.bundle import Bundle
from vision.caches.feature_files import FeaturesBusy
from vision.caches.features import MIRRORED, PLAIN, FeatureStore, Wanted, open_features
from vision.crops.reading import Reading
from vision.data.crop_files import ExampleUnreadable, read_crop
from vision.data.utkface import Example
from vision.diskspace import DiskFull

PLENTY = 10**9


@pytest.fixture(scope="module")
def backbone() -> Bundle:
    return small_backbone()


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> tuple[Example, ...]:
    return make_curated(tmp_path_factory.mktemp("images"), 40, 0).train


def another_backbone(backbone: Bundle) -> Bundle:
    changed = backbone.tensors["conv1_1/kernel"] * np.float16(1.5)
    return Bundle(backbone.manifest, {**backbone.tensors, "conv1_1/kernel": changed})


def plain(examples: tuple[Example, ...]) -> list[Wanted]:
    return [(example, PLAIN) for example in examples]


def silently(done: int, total: int) -> None:
    pass


def filled(
    backbone: Bundle, cache: Path, wanted: list[Wanted], cache_bytes: int = PLENTY
) -> list[tuple[int, int]]:
    """Fill and close the store; what was told of the progress."""
    told: list[tuple[int, int]] = []
    with open_features(backbone, "pool5", cache=cache, cache_bytes=cache_bytes) as store:
        store.fill(wanted, lambda done, total: told.append((done, total)))
    return told


def folders(cache: Path) -> list[Path]:
    return [path for path in cache.iterdir() if path.is_dir()]


def test_a_row_is_what_the_backbone_makes_of_the_image(
    backbone: Bundle, examples: tuple[Example, ...], tmp_path: Path
) -> None:
    crops = np.stack([read_crop(example.path.read_bytes(), SIZE) for example in examples])
    crops = Reading.of(backbone.manifest).read_all(crops)
    expected = build_backbone(SIZE, backbone.tensors).predict(preprocess(crops), verbose=0)
    network = build_backbone(SIZE, backbone.tensors)
    mirrored = network.predict(preprocess(crops[:, :, ::-1]), verbose=0)
    with open_features(backbone, "pool5", cache=tmp_path, cache_bytes=PLENTY) as store:
        store.fill([(one, view) for one in examples for view in (PLAIN, MIRRORED)], silently)
        found = store.values[store.rows(examples, PLAIN)]
        assert found.dtype == np.float16
        assert found == pytest.approx(expected, abs=0.03 * float(expected.max()))
        other = store.values[store.rows(examples, MIRRORED)]
        assert other == pytest.approx(mirrored, abs=0.03 * float(mirrored.max()))
        assert abs(other - found).max() > 0.02 * expected.max()  # the views do differ


def test_the_last_block_learns_from_pool4(
    backbone: Bundle, examples: tuple[Example, ...], tmp_path: Path
) -> None:
    with open_features(backbone, "pool4", cache=tmp_path, cache_bytes=PLENTY) as store:
        store.fill(plain(examples), silently)
        assert store.values.shape == (40, 3, 3, 512)


def test_what_is_there_is_not_computed_again(backbone: Bundle, tmp_path: Path) -> None:
    examples = make_curated(tmp_path / "images", 12, 0).train
    cache = tmp_path / "cache"
    assert filled(backbone, cache, plain(examples[:8])) == [(0, 8), (8, 8)]
    for example in examples[:8]:
        example.path.unlink()  # whoever reads it again fails
    assert filled(backbone, cache, plain(examples)) == [(8, 12), (12, 12)]
    assert filled(backbone, cache, plain(examples[4:])) == [(8, 8)]


def test_another_backbone_has_its_own_features(
    backbone: Bundle, examples: tuple[Example, ...], tmp_path: Path
) -> None:
    filled(backbone, tmp_path, plain(examples))
    assert filled(another_backbone(backbone), tmp_path, plain(examples))[0] == (0, 40)
    assert len(folders(tmp_path)) == 2


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.vision.training_set import make_curated, small_backbone
from vision.caches.features import PLAIN, open_features

def die(done, total):
    if done >= 160:
        os.kill(os.getpid(), signal.SIGKILL)

images, cache = map(Path, sys.argv[1:])
wanted = [(one, PLAIN) for one in make_curated(images, 200, 0).train]
with open_features(small_backbone(), "pool5", cache=cache, cache_bytes=10**9) as store:
    store.fill(wanted, die)
"""


def test_a_killed_process_loses_little_and_leaves_nothing_half(
    backbone: Bundle, tmp_path: Path
) -> None:
    images, cache = tmp_path / "images", tmp_path / "cache"
    done = subprocess.run([sys.executable, "-c", KILLED, images, cache], check=False)
    assert done.returncode == -9
    (folder,) = folders(cache)
    for name in ("rows", "index"):
        with (folder / name).open("ab") as file:
            file.write(b"half")  # as if the write itself had been cut off

    wanted = plain(make_curated(images, 200, 0).train)
    assert filled(backbone, cache, wanted)[0] == (128, 200)
    assert (folder / "rows").stat().st_size == 200 * ROW_BYTES
    fresh = tmp_path / "fresh"
    filled(backbone, fresh, wanted)
    assert values_of(backbone, cache, wanted) == pytest.approx(values_of(backbone, fresh, wanted))


def values_of(backbone: Bundle, cache: Path, wanted: list[Wanted]) -> np.ndarray:
    with open_features(backbone, "pool5", cache=cache, cache_bytes=PLENTY) as store:
        return np.array(store.values[store.rows([one for one, _ in wanted], PLAIN)])


def test_what_progress_raises_stops_the_work_and_keeps_what_was_done(
    backbone: Bundle, examples: tuple[Example, ...], tmp_path: Path
) -> None:
    def stop(done: int, total: int) -> None:
        if done:
            raise InterruptedError

    with (
        open_features(backbone, "pool5", cache=tmp_path, cache_bytes=PLENTY) as store,
        pytest.raises(InterruptedError),
    ):
        store.fill(plain(examples), stop)
    assert filled(backbone, tmp_path, plain(examples))[0] == (32, 40)


def test_too_little_room_is_said_before_anything_is_written(
    backbone: Bundle, examples: tuple[Example, ...], tmp_path: Path
) -> None:
    with pytest.raises(DiskFull, match=r"need 41 kB more, and there is room for 30 kB"):
        filled(backbone, tmp_path, plain(examples), cache_bytes=30_000)
    assert not list(tmp_path.rglob("rows"))


def test_the_store_used_longest_ago_makes_room(
    backbone: Bundle, examples: tuple[Example, ...], tmp_path: Path
) -> None:
    room = 90_000  # two stores of 40 rows, not three
    third = another_backbone(another_backbone(backbone))
    filled(backbone, tmp_path, plain(examples), room)
    filled(another_backbone(backbone), tmp_path, plain(examples), room)
    filled(backbone, tmp_path, plain(examples), room)  # used again
    filled(third, tmp_path, plain(examples), room)
    assert filled(backbone, tmp_path, plain(examples), room) == [(40, 40)]
    assert filled(another_backbone(backbone), tmp_path, plain(examples), room)[0] == (0, 40)


def test_a_store_in_use_is_never_evicted(
    backbone: Bundle, examples: tuple[Example, ...], tmp_path: Path
) -> None:
    with open_features(backbone, "pool5", cache=tmp_path, cache_bytes=PLENTY) as store:
        store.fill(plain(examples), silently)
        with pytest.raises(DiskFull):
            filled(another_backbone(backbone), tmp_path, plain(examples), 50_000)
        assert np.isfinite(store.values).all()
    filled(another_backbone(backbone), tmp_path, plain(examples), 50_000)


def test_two_runs_do_not_fill_at_once(
    backbone: Bundle, examples: tuple[Example, ...], tmp_path: Path
) -> None:
    def at_once(other: FeatureStore) -> Callable[[int, int], None]:
        return lambda done, _total: other.fill(plain(examples), silently) if done else None

    with (
        open_features(backbone, "pool5", cache=tmp_path, cache_bytes=PLENTY) as one,
        open_features(backbone, "pool5", cache=tmp_path, cache_bytes=PLENTY) as other,
        pytest.raises(FeaturesBusy),
    ):
        one.fill(plain(examples), at_once(other))


def test_an_image_that_is_gone_is_named(backbone: Bundle, tmp_path: Path) -> None:
    examples = make_curated(tmp_path / "images", 2, 0).train
    examples[1].path.write_bytes(b"broken")
    with pytest.raises(ExampleUnreadable, match=r"1\.png"):
        filled(backbone, tmp_path / "cache", plain(examples))
