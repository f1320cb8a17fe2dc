"""Images imported on one machine are used on every other, whole or not at all."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.factories import SampleFactory
from tests.s3 import Bucket
from tests.training.utkface import jpeg, random_files, write_zip
from training.datasets import (
    contents,
    corrections,
    deletion,
    example_files,
    mean_faces,
    stored_contents,
)
from training.datasets.import_runs import import_now
from training.datasets.stored_contents import ImagesMissing, bring_here, store_waiting
from training.datasets.this_machine import tend
from training.models import Content, Dataset, ImportRun, JobState, Sample
from training.shared_files import StorageSilent

pytestmark = pytest.mark.django_db

FILES = random_files(6)

Moving = Callable[[str], Path]


@pytest.fixture
def on(settings: Any, tmp_path: Path) -> Moving:
    """Goes to a machine: its data folder is in use from then on."""

    def go(machine: str) -> Path:
        settings.DATASET_ROOT = tmp_path / machine
        return tmp_path / machine

    go("first")
    return go


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write_zip(tmp_path / "utk.zip", FILES)


@pytest.fixture
def dataset(bucket: Bucket, on: Moving, archive: Path) -> Dataset:
    return import_(archive)


def import_(archive: Path) -> Dataset:
    run = import_now("UTKFace", quietly, path=str(archive))
    assert run.state == JobState.DONE, run.sentence
    return run.own_dataset


def quietly(*_: Any) -> None:
    pass


def digests() -> list[str]:
    return list(Sample.objects.exclude(digest="").values_list("digest", flat=True))


def stored(bucket: Bucket) -> set[str]:
    return {name.removeprefix("datasets/") for name in bucket.names() if "datasets/" in name}


def away(*_: Any, **__: Any) -> None:
    raise ConnectionError("no route")


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """What is stored now is two hours old from then on."""

    def wait() -> None:
        now = timezone.now() + timedelta(hours=2)
        monkeypatch.setattr("django.utils.timezone.now", lambda: now)

    return wait


def test_an_import_stores_each_content_once(dataset: Dataset, bucket: Bucket) -> None:
    assert stored(bucket) == set(digests())
    assert len(stored(bucket)) == len(FILES)
    assert not Content.objects.filter(is_stored=False).exists()


def test_another_machine_fetches_what_it_needs(dataset: Dataset, on: Moving) -> None:
    other = on("second")
    told: list[tuple[str, int, int]] = []
    bring_here(digests(), lambda *progress: told.append(progress))
    kept = {path.read_bytes() for path in other.rglob("*") if path.is_file()}
    assert kept == set(FILES.values())
    assert told[-1] == ("images", len(FILES) - 1, len(FILES))
    told.clear()
    bring_here(digests(), lambda *progress: told.append(progress))
    assert not told  # all is here


@pytest.mark.parametrize("damage", ["gone", "half", "other"])
def test_what_the_storage_has_lost_is_said_and_never_kept(
    dataset: Dataset, on: Moving, bucket: Bucket, archive: Path, damage: str
) -> None:
    [digest, *_] = digests()
    name = f"datasets/{digest}"
    if damage == "gone":
        bucket.delete(name)
    else:
        data = bucket.read(name)
        bucket.write(name, data[:100] if damage == "half" else data[::-1])
    on("second")
    with pytest.raises(ImagesMissing, match="1 image is missing from the storage, or is damaged"):
        bring_here(digests(), quietly)
    assert not example_files.path_of(digest).exists()
    on("first")
    assert store_waiting() == 1  # a machine that has it
    on("third")
    bring_here(digests(), quietly)
    bucket.delete(name)
    on("fourth")
    assert import_(archive) == dataset  # or, as it says, an import
    on("fifth")
    bring_here(digests(), quietly)


def test_an_import_goes_on_while_the_storage_is_away(
    bucket: Bucket, on: Moving, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("faceroute_site.bucket.Bucket.save", away)
        import_(archive)
    on("second")
    with pytest.raises(ImagesMissing, match="6 images are not in the storage yet"):
        bring_here(digests(), quietly)
    assert store_waiting() == 0  # another has them
    on("first")
    tend(forget=False)
    on("second")
    bring_here(digests(), quietly)


def test_a_storage_that_falls_silent_ends_the_fetching_in_words(
    dataset: Dataset, on: Moving, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = on("second")
    monkeypatch.setattr("faceroute_site.bucket.Bucket.open", away)
    with pytest.raises(StorageSilent, match="is not responding"):
        bring_here(digests(), quietly)
    assert not [path for path in other.rglob("*") if path.is_file()]


def test_a_damaged_file_of_before_is_not_stored(
    bucket: Bucket, on: Moving, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("faceroute_site.bucket.Bucket.save", away)
        import_(archive)
    [digest, *_] = digests()
    example_files.path_of(digest).write_bytes(b"something else")
    assert store_waiting() == len(FILES) - 1
    assert digest not in stored(bucket)


def test_what_no_dataset_shows_is_deleted_when_it_is_old_and_no_import_runs(
    dataset: Dataset, bucket: Bucket, on: Moving, later: Callable[[], None]
) -> None:
    on("second")
    bring_here(digests(), quietly)
    bucket.write("datasets/" + 64 * "0", b"of another database")
    deletion.delete(Dataset.objects.all())
    assert stored_contents.forget_orphans() == 0  # too new
    later()
    running = ImportRun.objects.create(dataset=None, state=JobState.RUNNING)
    assert stored_contents.forget_orphans() == 0
    running.delete()
    assert stored_contents.forget_orphans() == len(FILES)
    assert stored(bucket) == {64 * "0"}
    assert not Content.objects.filter(is_stored=True).exists()


def test_copies_that_nothing_needs_any_more_go_from_every_machine(
    dataset: Dataset, on: Moving
) -> None:
    other = on("second")
    bring_here(digests(), quietly)
    on("first")
    deletion.delete(Dataset.objects.all())
    on("second")
    for path in other.rglob("*"):
        if path.is_file():
            os.utime(path, (1, 1))
    (other / "00").mkdir(exist_ok=True)
    unfinished = other / "00" / ".killed"
    unfinished.touch()
    os.utime(unfinished, (1, 1))
    strange = other / "00" / (64 * "0")
    strange.write_bytes(b"of another database")
    os.utime(strange, (1, 1))
    tend(forget=True)
    assert [path for path in other.rglob("*") if path.is_file()] == [strange]


def test_a_dataset_is_imported_again_after_it_was_deleted(
    dataset: Dataset, bucket: Bucket, archive: Path, later: Callable[[], None]
) -> None:
    deletion.delete(Dataset.objects.all())
    later()
    stored_contents.forget_orphans()
    import_(archive)
    assert stored(bucket) == set(digests())


def test_images_and_mean_faces_are_shown_by_a_machine_that_has_none(
    dataset: Dataset, on: Moving, admin_client: Client
) -> None:
    on("second")
    shown = mean_faces.groups(dataset)
    assert shown
    face = admin_client.get(reverse("admin:training_mean_face", args=[dataset.pk, *shown[0]]))
    assert face.content[:2] == b"\xff\xd8"
    image = admin_client.get(
        reverse("admin:training_sample_image", args=[Sample.objects.earliest("pk").pk])
    )
    assert image.content[:2] == b"\xff\xd8"
    deletion.delete(Dataset.objects.all())
    assert mean_faces.groups(Dataset(pk=dataset.pk)) == []


def test_store_files_puts_back_what_the_storage_has_lost(
    dataset: Dataset, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    for digest in digests()[:3]:
        bucket.delete(f"datasets/{digest}")
    call_command("store_files")
    assert stored(bucket) == set(digests())
    assert "3 images that were missing" in capsys.readouterr().out


def test_a_withdrawn_correction_leaves_the_storage_and_every_machine(
    bucket: Bucket, on: Moving
) -> None:
    digest = example_files.keep(jpeg(1))
    given = SampleFactory.create(digest=digest, sender="somebody")
    contents.keep([given])
    assert store_waiting() == 1
    other = on("second")
    bring_here([digest], quietly)
    on("first")
    corrections.withdraw([given.name])
    assert corrections.forget_withdrawn() == 1
    assert not stored(bucket)
    assert not Content.objects.exists()
    on("second")
    assert example_files.path_of(digest).is_file()
    tend(forget=True)
    assert not [path for path in other.rglob("*") if path.is_file()]
