"""Files of images are there as long as a row shows them, and come back where they were lost."""

import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.factories import DatasetFactory
from tests.training.utkface import random_files, write_zip
from training.datasets import deletion, example_files
from training.datasets.face_search import look_for_faces
from training.datasets.import_runs import import_now
from training.datasets.importing import bring_in
from training.models import Dataset, ImportRun, JobState, Sample
from vision.data.labelled_files import LabelledFile, LabelledFiles

pytestmark = pytest.mark.django_db

FILES = random_files(450)  # more than two batches


@pytest.fixture(autouse=True)
def _folders(settings: Any, tmp_path: Path) -> None:
    settings.DATASET_ROOT = tmp_path / "kept"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write_zip(tmp_path / "utk.zip", FILES)


def import_(name: str, archive: Path, on_progress: Any = lambda *_: None) -> ImportRun:
    return import_now(name, on_progress, path=str(archive))


def missing() -> set[str]:
    digests = Sample.objects.exclude(digest="").values_list("digest", flat=True)
    return {digest for digest in digests if not example_files.path_of(digest).is_file()}


def test_an_import_puts_back_what_is_missing_and_says_so(archive: Path) -> None:
    import_("UTKFace", archive)
    digests = list(Sample.objects.values_list("digest", flat=True))
    for digest in digests[:7]:
        example_files.path_of(digest).unlink()
    example_files.path_of(digests[7]).write_bytes(b"cut short")
    run = import_("UTKFace", archive)
    assert run.sentence.startswith("0 files are new or changed; the dataset holds 450 now.")
    assert "8 missing image files were restored." in run.sentence
    assert not missing()
    assert example_files.path_of(digests[7]).read_bytes() in FILES.values()
    assert "restored" not in import_("UTKFace", archive).sentence


def test_an_image_whose_file_is_missing_is_searched_for_faces_when_it_is_back(
    tmp_path: Path, photo_bytes: bytes
) -> None:
    archive = write_zip(tmp_path / "one.zip", {"30_1_0_1.jpg": photo_bytes})
    import_("UTKFace", archive)
    example_files.path_of(Sample.objects.get().digest).unlink()
    assert look_for_faces(Dataset.objects.get(), lambda *_: None) == 0
    assert Sample.objects.get().face_confidence is None
    import_now("UTKFace", lambda *_: None, path=str(archive), detect_faces=True)
    assert (Sample.objects.get().face_confidence or 0) > 0.9


def test_a_dataset_deleted_while_another_is_imported_takes_nothing_from_it(archive: Path) -> None:
    """The same images are in both: some have no row yet in the second, which is under way."""
    import_("first", archive)
    deleted: list[int] = []

    def delete(phase: str, done: int, _total: int) -> None:
        if phase == "files" and done == 200:
            deletion.delete(Dataset.objects.filter(name="first"))
            deleted.append(done)

    run = import_("second", archive, delete)
    assert deleted == [200]
    assert run.state == JobState.DONE
    assert Sample.objects.count() == 450
    assert not missing()


def test_a_deletion_between_the_files_and_their_rows_takes_nothing(archive: Path) -> None:
    """Files of a batch are written, its rows are not committed, and the files look old."""
    import_("first", archive)
    first = Dataset.objects.filter(name="first")

    def delete_first(files: Sequence[LabelledFile]) -> Sequence[LabelledFile]:
        if first.exists():
            for file in example_files.path_of("00").parent.parent.glob("??/*"):
                os.utime(file, (0, 0))
            deletion.delete(first)
            assert not any(example_files.path_of(sha256(one.data)).exists() for one in files)
        return files

    second: Dataset = DatasetFactory.create(name="second")
    with LabelledFiles(archive) as labelled:
        bring_in(second, labelled, lambda *_: None, delete_first)
    assert not first.exists()
    assert not missing()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_dataset_that_is_being_imported_into_cannot_be_deleted(
    admin_client: Client, admin_user: User, archive: Path
) -> None:
    import_("UTKFace", archive)
    dataset = Dataset.objects.get()
    run = ImportRun.objects.create(dataset=dataset, path=str(archive))
    delete = f"/admin/training/dataset/{dataset.pk}/delete/"
    page = admin_client.get(delete).content.decode()
    assert "import of “UTKFace” is in progress: please wait for it to finish, or stop it" in page
    admin_client.post(delete, {"post": "yes"})
    action = {"action": "delete_selected", "_selected_action": [dataset.pk], "post": "yes"}
    admin_client.post("/admin/training/dataset/", action)
    assert Dataset.objects.exists()
    ImportRun.objects.filter(pk=run.pk).update(state=JobState.CANCELLED)
    admin_client.post(delete, {"post": "yes"})
    assert not Dataset.objects.exists()
    assert not any(path.is_file() for path in example_files.path_of("00").parent.parent.rglob("*"))


def test_what_is_new_stays_while_an_import_runs_and_is_found_when_it_is_old(
    archive: Path,
) -> None:
    import_("UTKFace", archive)
    other: Dataset = DatasetFactory.create()
    ImportRun.objects.create(dataset=other, state=JobState.RUNNING)
    digests = set(Sample.objects.values_list("digest", flat=True))
    deletion.delete(Dataset.objects.filter(name="UTKFace"))
    assert len(digests) == 450
    assert all(example_files.path_of(digest).exists() for digest in digests)
    assert not list(example_files.orphans())
    an_hour_ago = time.time() - 3700
    for digest in digests:
        os.utime(example_files.path_of(digest), (an_hour_ago, an_hour_ago))
    assert {file.name for file in example_files.orphans()} == digests
    assert example_files.forget_orphans() == 450
