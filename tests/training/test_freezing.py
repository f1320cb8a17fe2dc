"""Which images the exam has, and that nothing changes them or learns from them."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from tests.factories import ModelVersionFactory, SampleFactory
from tests.training.test_contents import edited, import_, named
from tests.training.trainable import small_dataset, small_version
from tests.training.training_runs import training_run
from tests.training.utkface import jpeg
from tests.vision.planted import saved
from tests.vision.test_near_copies import picture
from training.datasets import contents, curations, deletion, example_files, lineage
from training.datasets.judging import judge
from training.exams.exam_store import current_exam, images_of
from training.exams.freezing import settled_exam
from training.models import Content, Dataset, Exam, JobState, Sample
from training.registry.stored_bundles import bundle_path
from vision.bundles.bundle import add_trained_on
from vision.bundles.trained_on import of_examples
from vision.data.labelled_files import LabelledFile, LabelledFiles
from vision.data.selection import split_of_bucket
from vision.data.utkface import Example

pytestmark = pytest.mark.django_db

ARCHIVE = os.environ.get("FACEROUTE_UTKFACE", "")


@pytest.fixture(autouse=True)
def roots(settings: Any, tmp_path: Path) -> None:
    for root in ("MODEL", "TRAINING", "DATASET", "FEATURE"):
        setattr(settings, f"{root}_ROOT", tmp_path / root.lower())


@pytest.fixture
def dataset(db: None) -> Dataset:
    return small_dataset()


@pytest.fixture
def utkface(settings: Any, tmp_path: Path) -> Dataset:
    """A dataset, whatever it is called, that the starter has learnt from."""
    dataset = small_dataset("faces")
    for number, sample in enumerate(dataset.samples.order_by("pk")):
        sample.digest = example_files.keep(jpeg(1000 + number))
        sample.save()
        Content.objects.get_or_create(
            digest=sample.digest,
            defaults={
                "perceptual_hash": "0",
                "split": split_of_bucket(sample.bucket),
                "group": 1000 + number,
            },
        )
    learnt = [example.digest for example in curations.curated(dataset, "full").train]
    starter = small_version(tmp_path / "starter")
    settings.STARTER_BUNDLE = bundle_path(starter)
    add_trained_on(bundle_path(starter), of_examples(learnt, [], "e"))
    return dataset


def quietly(_phase: str, _done: int, _total: int) -> None:
    pass


def own_test(dataset: Dataset) -> list[Example]:
    return list(curations.curated(dataset, "full").test)


def frozen(dataset: Dataset) -> tuple[Exam, list[Example]]:
    exam = settled_exam(dataset)
    assert exam
    return exam, images_of(exam)


def learnt_from(dataset: Dataset) -> set[str]:
    curated = curations.curated(dataset, "full")
    return {example.digest for example in (*curated.train, *curated.validation)}


def test_the_first_dataset_that_is_trained_on_gives_its_test(dataset: Dataset) -> None:
    assert settled_exam() is None
    exam, images = frozen(dataset)
    assert {one.digest: one.labels for one in images} == {
        one.digest: one.labels for one in own_test(dataset)
    }
    assert all(image.path.is_file() for image in images)
    assert not exam.of_utkface
    other = small_dataset("another")
    assert settled_exam(other) == exam
    assert settled_exam() == exam


def test_at_an_upgrade_it_is_the_dataset_of_the_first_training(dataset: Dataset) -> None:
    other = small_dataset("another")
    training_run(JobState.FAILED, dataset=other)
    training_run(JobState.DONE, dataset=dataset, version=ModelVersionFactory.create())
    training_run(JobState.DONE, dataset=other, version=ModelVersionFactory.create())
    exam = settled_exam(other)
    assert exam
    assert exam.dataset_name == dataset.name


def test_no_label_ruling_or_deletion_changes_it(dataset: Dataset) -> None:
    exam, images = frozen(dataset)
    digests = [image.digest for image in images]
    dataset.samples.filter(digest__in=digests).update(age=99, gender=1, race=4)
    dataset.samples.filter(digest=digests[0]).update(override="drop")
    judge(dataset)
    assert images_of(exam) == images
    kept = set(dataset.samples.values_list("digest", flat=True))
    deletion.delete(Dataset.objects.filter(pk=dataset.pk))
    assert sum(not example_files.path_of(digest).exists() for digest in kept) == 72
    assert images_of(exam) == images
    assert all(image.path.is_file() for image in images)
    assert settled_exam(small_dataset("another")) == exam


def test_utkface_is_known_by_what_is_in_it_and_comes_before_the_dataset_trained_on(
    dataset: Dataset, utkface: Dataset
) -> None:
    exam, images = frozen(dataset)
    assert exam.of_utkface
    assert exam.dataset_name == "faces"
    assert [one.digest for one in images] == sorted(one.digest for one in own_test(utkface))


def test_utkface_that_comes_later_supersedes_and_the_former_exam_is_kept(
    dataset: Dataset, utkface: Dataset, settings: Any
) -> None:
    starter, settings.STARTER_BUNDLE = settings.STARTER_BUNDLE, Path("/nowhere")
    former, images = frozen(dataset)
    assert not former.of_utkface
    settings.STARTER_BUNDLE = starter
    exam, _ = frozen(dataset)
    assert exam.of_utkface
    assert current_exam() == exam
    assert images_of(former) == images
    utkface.delete()
    assert settled_exam(dataset) == exam


def test_a_part_of_utkface_that_is_too_small_is_not_taken_for_it(
    dataset: Dataset, utkface: Dataset
) -> None:
    kept = curations.selection(utkface, "full").chosen
    train = [candidate.digest for candidate, split in kept if split == "train"]
    utkface.samples.filter(digest__in=train[: len(train) // 2 + 1]).delete()
    exam, _ = frozen(dataset)
    assert exam.dataset_name == dataset.name


@pytest.mark.parametrize("edit", ["mirrored", "shifted"])
def test_copies_of_its_images_that_come_later_are_never_learnt_from(
    tmp_path: Path, edit: str
) -> None:
    pictures = [picture(seed) for seed in range(60)]
    first = import_(tmp_path / "a", named({f"a{n}": saved(p) for n, p in enumerate(pictures)}), "a")
    exam, images = frozen(first)
    assert len(images) > 1
    before = own_test(first)
    copies = named({f"b{n}": edited(edit, p) for n, p in enumerate(pictures)})
    second = import_(tmp_path / "b", copies, "b")
    groups = Content.objects.filter(digest__in=[one.digest for one in images]).values("group")
    mates = set(Content.objects.filter(group__in=groups).values_list("digest", flat=True))
    assert len(mates) == 2 * len(images)
    assert not mates & (learnt_from(first) | learnt_from(second))
    assert own_test(first) == before
    assert images_of(exam) == images


def test_what_turns_out_to_show_one_of_its_pictures_leaves_training(dataset: Dataset) -> None:
    exam, images = frozen(dataset)
    learnt = sorted(learnt_from(dataset))[0]
    keys = dict(Content.objects.values_list("digest", "pk"))
    contents.join([(keys[learnt], keys[images[0].digest])])
    assert learnt not in learnt_from(dataset)
    assert images[0].digest not in learnt_from(dataset)
    # Whoever has learnt from it is not asked about the picture any more.
    assert lineage.seen(images, of_examples([learnt], [], "e")) == [True] + [False] * 7
    assert images_of(exam) == images


def test_a_version_from_elsewhere_that_has_learnt_from_its_images_takes_none_away(
    dataset: Dataset, tmp_path: Path
) -> None:
    _, images = frozen(dataset)
    version = small_version(tmp_path / "small")
    known = of_examples([one.digest for one in images[:3]], [], "e")
    version.manifest = add_trained_on(bundle_path(version), known)
    version.save()
    lineage.bring_up_to_date(quietly)
    assert not {one.digest for one in images} & learnt_from(dataset)


def test_a_content_with_two_files_in_use_is_in_it_once(dataset: Dataset) -> None:
    twice = own_test(dataset)[0].digest
    SampleFactory.create(dataset=dataset, digest=twice, bucket=0)
    _, images = frozen(dataset)
    assert [one.digest for one in images].count(twice) == 1


def test_without_images_there_is_no_exam(dataset: Dataset) -> None:
    dataset.samples.update(reason="excluded")
    assert settled_exam(dataset) is None
    assert not Exam.objects.exists()


@pytest.mark.skipif(not ARCHIVE, reason="Set FACEROUTE_UTKFACE to UTKFace's archive.")
def test_the_real_utkface_is_known_by_the_starter_that_ships() -> None:
    """By its files alone: rows as an import writes them, without looking for near copies."""
    dataset = Dataset.objects.create(name="whatever")
    with LabelledFiles(Path(ARCHIVE)) as labelled:
        samples = [_sample(dataset, file) for file in labelled if file.labels]
    contents.keep(samples)
    Sample.objects.bulk_create(samples, 1000)
    judge(dataset)
    exam = settled_exam()
    assert exam
    assert exam.of_utkface
    assert 1000 < exam.images.count() < 1400
    dataset.samples.filter(pk__gt=samples[len(samples) // 3].pk).delete()
    Exam.objects.all().delete()
    assert settled_exam() is None


def _sample(dataset: Dataset, file: LabelledFile) -> Sample:
    assert file.labels
    digest = hashlib.sha256(file.data).hexdigest()
    return Sample(
        dataset=dataset,
        name=file.name,
        digest=digest,
        bucket=int(hashlib.md5(file.data, usedforsecurity=False).hexdigest(), 16) % 20,
        perceptual_hash=digest[:16],
        **file.labels,
    )
