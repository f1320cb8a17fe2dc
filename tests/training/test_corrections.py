"""Corrections in datasets: learnt from, never examined on, bounded by sender, taken out again."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.training.trainable import small_version
from tests.training.utkface import jpeg, random_files, write_folder
from tests.vision.planted import EDITS, saved
from tests.vision.test_near_copies import picture
from training.datasets import contents, corrections, curations, example_files
from training.datasets.importing import import_files
from training.eda import dataset_figures
from training.models import Content, Dataset, ImportRun, JobState, Sample, Withdrawal
from training.registry.stored_bundles import bundle_path
from training.registry.versions import register_bundle
from vision.bundles.bundle import add_trained_on, load_bundle
from vision.bundles.trained_on import of_examples
from vision.caches.features import MIRRORED, PLAIN, open_features
from vision.data.labelled_files import LabelledFile
from vision.data.utkface import Example, utkface_labels

pytestmark = pytest.mark.django_db


class Given:
    """Corrections that stand, as a site that takes them in would name them."""

    def __init__(self, files: Iterable[LabelledFile] = ()) -> None:
        self.files = list(files)

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[LabelledFile]:
        return iter(self.files)

    def hold(self, files: Sequence[LabelledFile]) -> Iterable[LabelledFile]:
        return files


@pytest.fixture(autouse=True)
def roots(settings: Any, tmp_path: Path) -> Iterator[None]:
    from predictions.learning import AcceptedCorrections

    for root in ("MODEL", "TRAINING", "DATASET", "FEATURE"):
        setattr(settings, f"{root}_ROOT", tmp_path / root.lower())
    yield
    corrections.come_from(AcceptedCorrections())


def quietly(_phase: str, _done: int, _total: int) -> None:
    pass


def given(number: int, sender: str, data: bytes | None = None, **labels: int) -> LabelledFile:
    its = utkface_labels(labels.get("age", 40), labels.get("gender", 1), labels.get("race", 0))
    return LabelledFile(f"c{number}.jpg", data or jpeg(900_000 + number), its, sender=sender)


def add(dataset: Dataset, *files: LabelledFile) -> int:
    corrections.come_from(Given(files))
    added = corrections.add(dataset, quietly).changed
    dataset.refresh_from_db()
    return added


def archive(tmp_path: Path, made: dict[str, bytes], name: str = "UTKFace") -> Dataset:
    dataset, _ = Dataset.objects.get_or_create(name=name)
    import_files(dataset, write_folder(tmp_path / name, made), quietly)
    dataset.refresh_from_db()
    return dataset


def held_back(dataset: Dataset) -> set[tuple[str, str]]:
    """What validates and tests of a dataset, in either recipe."""
    return {
        (candidate.digest, split)
        for recipe in ("full", "classic")
        for candidate, split in curations.selection(dataset, recipe).chosen
        if split != "train"
    }


def learnt(dataset: Dataset, recipe: str = "full") -> list[str]:
    """The names of the corrections that train."""
    chosen = curations.selection(dataset, recipe).chosen
    assert all(split == "train" for c, split in chosen if c.sender)
    return sorted(c.name for c, _ in chosen if c.sender)


def test_corrections_train_whatever_their_content_would_be_dealt(tmp_path: Path) -> None:
    dataset = archive(tmp_path, random_files(400))
    before = held_back(dataset)
    files = [given(n, f"sender {n}") for n in range(60)]
    assert add(dataset, *files) == 60
    digests = dataset.samples.exclude(sender="").values("digest")
    buckets = set(dataset.samples.exclude(sender="").values_list("bucket", flat=True))
    assert buckets & {0, 1, 10, 11}  # which an archive's images would test or validate by
    assert set(Content.objects.filter(digest__in=digests).values_list("split")) == {("train",)}
    assert len(learnt(dataset)) == 60
    assert held_back(dataset) == before
    assert add(dataset, *files) == 0


def test_one_sender_is_bounded_and_counted_apart(tmp_path: Path) -> None:
    dataset = archive(tmp_path, random_files(400))
    trained = sum(split == "train" for _, split in curations.selection(dataset, "full").chosen)
    add(dataset, *[given(n, "eager") for n in range(30)], given(30, "modest"))
    most = int(0.01 * trained)
    assert most >= 2
    chosen = curations.current(dataset)["full"]
    assert chosen.corrections == {"eager": most, "modest": 1}
    [step] = [step for step in chosen.funnel if step["step"] == "corrections"]
    assert step["reasons"] == {"sender_bound": 30 - most}
    figures = dataset_figures.summary(dataset)["corrections"]
    assert (figures["files"], figures["senders"]) == (31, 2)
    assert figures["learnt"]["full"] == {"images": most + 1, "senders": 2, "most_of_one": most}


def test_all_senders_together_are_bounded_evenly(tmp_path: Path) -> None:
    dataset = archive(tmp_path, random_files(500))
    brought = sum(split == "train" for _, split in curations.selection(dataset, "full").chosen)
    most_of_one, most = int(0.01 * brought), int(0.2 * brought)
    senders = 30
    assert senders * 2 < most < senders * most_of_one
    add(dataset, *[given(n, f"sender {n % senders}") for n in range(senders * 6)])
    chosen = curations.current(dataset)["full"]
    assert sum(chosen.corrections.values()) == most
    assert set(chosen.corrections.values()) == {2, 3}
    [step] = [step for step in chosen.funnel if step["step"] == "corrections"]
    assert step["reasons"] == {
        "joint_bound": senders * most_of_one - most,
        "sender_bound": senders * (6 - most_of_one),
    }
    curated = curations.curated(dataset, "full")
    assert curated.corrections_left_out == step["reasons"]
    assert curations.curated(dataset, "full").fingerprint == curated.fingerprint


def test_undersampling_leaves_the_joint_bound_as_it_is(tmp_path: Path) -> None:
    dataset = archive(tmp_path, random_files(500))
    chosen = curations.selection(dataset, "classic").chosen
    brought = sum(split == "train" for _, split in chosen)
    add(dataset, *[given(n, f"sender {n}", race=n % 3) for n in range(150)])
    assert len(learnt(dataset, "classic")) <= int(0.2 * brought)


@pytest.mark.parametrize("edit", EDITS)
def test_a_near_copy_of_a_held_back_image_is_left_out_and_moves_nothing(
    tmp_path: Path, edit: str
) -> None:
    pictures = [picture(seed) for seed in range(60)]
    named = {f"30_0_0_{n:017}.jpg": saved(p) for n, p in enumerate(pictures)}
    dataset = archive(tmp_path, named)
    before = dict(Content.objects.values_list("digest", "split"))
    splits = [before[digest] for digest in _digests(named.values())]
    assert set(splits) == {"train", "validation", "test"}
    copies = [saved(EDITS[edit](p)) for p in pictures]
    add(dataset, *[given(n, f"s{n}", data) for n, data in enumerate(copies)])
    after = dict(Content.objects.values_list("digest", "split"))
    assert before.items() <= after.items()
    assert [after[digest] for digest in _digests(copies)] == splits
    assert learnt(dataset) == []  # beside one that trains they are near duplicates
    other = archive(tmp_path, random_files(400), "other")
    add(other, *[given(n, f"s{n}", data) for n, data in enumerate(copies)])
    kept = [f"c{n}.jpg" for n, split in enumerate(splits) if split == "train"]
    assert learnt(other) == sorted(kept)


def _digests(data: Iterable[bytes]) -> list[str]:
    return [example_files.keep(one) for one in data]


def test_a_correction_links_no_test_image_to_one_that_trains(tmp_path: Path) -> None:
    dataset = archive(tmp_path, random_files(60))
    add(dataset, given(1, "s"), given(2, "s2"))
    of_archive = Content.objects.filter(is_correction=False)
    keys = {split: of_archive.filter(split=split)[0].pk for split in ("train", "test")}
    one, two = Content.objects.filter(is_correction=True).values_list("pk", flat=True)
    contents.join([(one, keys["train"]), (two, one), (two, keys["test"])])
    splits = {pk: Content.objects.get(pk=pk).split for pk in (*keys.values(), one, two)}
    assert splits == {keys["train"]: "train", keys["test"]: "test", one: "train", two: "test"}
    contents.move_towards_learning([Content.objects.get(pk=two).digest], "train")
    assert {pk: Content.objects.get(pk=pk).split for pk in splits} == splits


def test_a_correction_never_sets_an_archives_image_aside(tmp_path: Path) -> None:
    dataset = archive(tmp_path, {"z/30_0_0_1.jpg": jpeg(1), "z/31_0_0_2.jpg": jpeg(2)})
    add(dataset, given(1, "liar", jpeg(1), age=80, gender=1, race=4))
    reasons = dict(dataset.samples.values_list("name", "reason"))
    assert reasons == {"z/30_0_0_1.jpg": "", "z/31_0_0_2.jpg": "", "c1.jpg": "exact_duplicate"}


def test_a_table_with_senders_marks_corrections(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "in", {f"{n}.jpg": jpeg(n) for n in range(40)})
    rows = [f"{n}.jpg,30,male,white,{'s' if n % 2 else ''}" for n in range(40)]
    (folder / "t.csv").write_text("\n".join(["file,age,gender,race,sender", *rows]))
    dataset = Dataset.objects.create(name="d")
    import_files(dataset, folder, quietly)
    assert dataset.samples.filter(sender="s").count() == 20
    given_ = dataset.samples.filter(sender="s").values("digest")
    assert set(Content.objects.filter(digest__in=given_).values_list("split")) == {("train",)}
    table = curations.split_table(curations.selection(dataset, "full"))
    assert table.count(",train,s\n") == len(learnt(dataset))


def test_what_is_withdrawn_leaves_dataset_files_and_features(
    tmp_path: Path, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    dataset = archive(tmp_path, random_files(40))
    add(dataset, *[given(n, f"s{n}") for n in range(6)])
    version = small_version(tmp_path / "small")
    samples = list(dataset.samples.filter(reason="").order_by("digest"))
    examples = [
        Example(s.digest, example_files.path_of(s.digest), utkface_labels(1, 0, 0)) for s in samples
    ]
    bundle = load_bundle(bundle_path(version))
    wanted = [(example, view) for example in examples for view in (PLAIN, MIRRORED)]
    cache = {"cache": settings.FEATURE_ROOT, "cache_bytes": 2**30}
    with open_features(bundle, "pool5", **cache) as store:
        store.fill(wanted, lambda *_: None)
        before = {
            (e.digest, view): np.array(store.values[store.rows([e], view)[0]]) for e, view in wanted
        }
    (settings.TRAINING_ROOT / "7" / "crops" / "x").mkdir(parents=True)
    named = dataset.samples.filter(name__in=["c1.jpg", "c4.jpg"])
    gone = set(named.values_list("digest", flat=True))
    revision = dataset.revision
    with django_capture_on_commit_callbacks(execute=True):
        assert corrections.withdraw(["c1.jpg", "c4.jpg", "UTKFace/1.jpg"]) == 2
    dataset.refresh_from_db()
    assert dataset.revision > revision
    assert not Sample.objects.filter(digest__in=gone).exists()
    assert not Content.objects.filter(digest__in=gone).exists()
    assert not [d for d in gone if example_files.path_of(d).exists()]
    assert not (settings.TRAINING_ROOT / "7" / "crops").exists()
    index = next(settings.FEATURE_ROOT.glob("*/index")).read_bytes()
    assert not [d for d in gone if bytes.fromhex(d) in index]
    kept = [(e, view) for e, view in wanted if e.digest not in gone]
    with open_features(bundle, "pool5", **cache) as store:
        assert len(store.values) == len(kept)
        for example, view in kept:
            row = store.rows([example], view)[0]
            assert np.array_equal(store.values[row], before[example.digest, view])


def test_what_a_run_reads_stays_until_it_ends(
    tmp_path: Path, django_capture_on_commit_callbacks: Any
) -> None:
    dataset = archive(tmp_path, random_files(20))
    add(dataset, given(1, "s"))
    digest = dataset.samples.get(name="c1.jpg").digest
    run = ImportRun.objects.create(dataset=dataset, state=JobState.RUNNING)
    with django_capture_on_commit_callbacks(execute=True):
        corrections.withdraw(["c1.jpg"])
    assert not dataset.samples.filter(name="c1.jpg").exists()
    assert example_files.path_of(digest).exists()
    ImportRun.objects.filter(pk=run.pk).update(state=JobState.DONE)
    assert corrections.forget_withdrawn() == 1
    assert not example_files.path_of(digest).exists()
    assert corrections.forget_withdrawn() == 0


def test_what_no_longer_stands_when_rows_are_written_gets_none(tmp_path: Path) -> None:
    class Wavering(Given):
        def hold(self, files: Sequence[LabelledFile]) -> Iterable[LabelledFile]:
            return [file for file in files if file.name != "c1.jpg"]

    dataset = archive(tmp_path, random_files(20))
    corrections.come_from(Wavering([given(1, "s"), given(2, "s2")]))
    assert corrections.add(dataset, quietly).changed == 1
    assert set(dataset.samples.exclude(sender="").values_list("name", flat=True)) == {"c2.jpg"}
    assert corrections.forget_withdrawn() == 1  # its file, which nothing shows
    assert len(list(example_files.path_of("ab").parent.parent.glob("??/*"))) == 21


def test_the_versions_that_learnt_from_what_was_withdrawn_are_named(
    tmp_path: Path, client: Client
) -> None:
    dataset = archive(tmp_path, random_files(20))
    add(dataset, given(1, "s"), given(2, "s"))
    one, two = (dataset.samples.get(name=name).digest for name in ("c1.jpg", "c2.jpg"))
    version = small_version(tmp_path / "small")
    version.manifest = add_trained_on(bundle_path(version), of_examples([one], [7], "f" * 64))
    version.save()
    register_bundle(tmp_path / "small", "innocent")
    corrections.withdraw(["c1.jpg", "c2.jpg"])
    assert set(Withdrawal.objects.values_list("digest", flat=True)) == {one, two}
    assert corrections.learnt_by([one, two]) == {one: ["small"]}
    client.force_login(User.objects.create_superuser("boss"))
    page = client.get("/admin/training/withdrawal/").content.decode()
    assert one[:16] in page
    assert two[:16] in page
    assert page.count("small") == 1
    its = client.get(f"/admin/training/modelversion/{version.pk}/change/").content.decode()
    assert "1 correction that it was trained on has been withdrawn since" in its
