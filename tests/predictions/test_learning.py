"""Accepted corrections reach a dataset by one click or command, and leave it however they go."""

import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from predictions.access import Owner
from predictions.corrections import correct, export_to_folder, review, sender_of, take_back
from predictions.expiry import expire_photos
from predictions.models import Correction, Face, Photo, Prediction, Review, Status
from predictions.uploads import accept_photo
from tests.factories import DatasetFactory, FaceFactory
from tests.predictions.test_corrections import ALL_SAID, PORTRAIT, portrait
from training.datasets import example_files, import_runs
from training.datasets.importing import import_files
from training.models import Content, Dataset, ImportRun, Sample, Withdrawal

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def roots(settings: Any, tmp_path: Path) -> None:
    for root in ("MODEL", "TRAINING", "DATASET", "FEATURE"):
        setattr(settings, f"{root}_ROOT", tmp_path / root.lower())


@pytest.fixture
def dataset() -> Dataset:
    dataset: Dataset = DatasetFactory.create(name="UTKFace")
    return dataset


@pytest.fixture
def face(owner: Owner, photo_bytes: bytes, stranger: User) -> Face:
    """A face whose correction is accepted."""
    face = portrait(owner, photo_bytes)
    correct(face, {"age": 31, "gender": 1, "race": 0}, consents=True)
    review(Correction.objects.filter(face=face), Review.ACCEPTED, stranger)
    return face


def add(dataset: Dataset) -> Sample:
    call_command("add_corrections", dataset=dataset.name, json=True)
    return dataset.samples.get()


@pytest.mark.parametrize("route", ["click", "command"])
def test_one_click_or_command_brings_what_is_accepted(
    face: Face, dataset: Dataset, stranger: User, photo_bytes: bytes, route: str
) -> None:
    for labels in ({"age": 30, "gender": None, "race": 0}, {"age": 30, "gender": 1, "race": 0}):
        correct(portrait(Owner(user_id=stranger.pk), photo_bytes), labels, consents=True)
    review(Correction.objects.exclude(labels__has_key="gender"), Review.ACCEPTED, stranger)
    if route == "click":
        client = Client()
        client.force_login(User.objects.create_superuser("boss"))
        assert (
            "Add accepted corrections"
            in client.get("/admin/predictions/correction/").content.decode()
        )
        answer = client.post("/admin/predictions/correction/add-to/", {"dataset": dataset.pk})
        run = ImportRun.objects.get()
        assert answer["Location"].endswith(f"/importrun/{run.pk}/change/")
        import_runs.work(run.pk)
    else:
        text = io.StringIO()
        call_command("add_corrections", json=True, stdout=text)
        assert json.loads(text.getvalue())["files"] == 1
    sample = dataset.samples.get()
    assert (sample.age, sample.gender, sample.race, sample.reason) == (31, 1, 0, "")
    assert sample.sender == sender_of(face.prediction.photo)
    assert str(face.prediction.photo.owner_id) != sample.sender
    assert Content.objects.get().split == "train"


def delete_account(face: Face) -> None:
    owner = face.prediction.owner
    assert owner
    owner.delete()


def let_expire(face: Face) -> None:
    Photo.objects.update(expires_at=timezone.now() - timedelta(days=1))
    expire_photos(timezone.now())


def reject(_face: Face) -> None:
    review(Correction.objects.all(), Review.REJECTED, User.objects.get(username="stranger"))


def change(face: Face) -> None:
    correct(face, {"age": 30, "gender": 1, "race": 0}, consents=True)


def withdraw_consent(face: Face) -> None:
    correct(face, {}, consents=False)


@pytest.mark.parametrize(
    "how",
    [
        take_back,
        withdraw_consent,
        let_expire,
        delete_account,
        reject,
        change,
        lambda face: face.prediction.delete(),
    ],
)
def test_however_a_correction_goes_it_leaves_the_dataset_and_the_disk(
    face: Face,
    dataset: Dataset,
    how: Callable[[Face], None],
    django_capture_on_commit_callbacks: Any,
) -> None:
    digest = add(dataset).digest
    assert example_files.path_of(digest).exists()
    with django_capture_on_commit_callbacks(execute=True):
        how(face)
    assert not dataset.samples.exists()
    assert not Content.objects.exists()
    assert not example_files.path_of(digest).exists()
    assert Withdrawal.objects.get().digest == digest


def test_a_correction_whose_dataset_is_gone_is_withdrawn_all_the_same(
    face: Face, dataset: Dataset
) -> None:
    """A version may have learnt from it while the dataset was there."""
    digest = add(dataset).digest
    dataset.delete()
    assert not Withdrawal.objects.exists()
    take_back(face)
    assert Withdrawal.objects.get().digest == digest


def test_a_correction_that_no_dataset_was_given_leaves_no_trace(face: Face) -> None:
    take_back(face)
    assert not Withdrawal.objects.exists()


def test_what_was_rejected_and_is_accepted_again_is_withdrawn_no_more(
    face: Face, dataset: Dataset, stranger: User
) -> None:
    add(dataset)
    for verdict in (Review.REJECTED, Review.ACCEPTED):
        review(Correction.objects.all(), verdict, stranger)
    assert Withdrawal.objects.exists()
    add(dataset)
    assert not Withdrawal.objects.exists()


def test_what_came_by_an_export_of_this_site_leaves_too(
    face: Face, tmp_path: Path, django_capture_on_commit_callbacks: Any
) -> None:
    export_to_folder(tmp_path / "out")
    other: Dataset = DatasetFactory.create()
    import_files(other, tmp_path / "out", lambda *_: None)
    sample = other.samples.get()
    assert sample.sender == sender_of(face.prediction.photo)
    assert Content.objects.get().split == "train"
    with django_capture_on_commit_callbacks(execute=True):
        take_back(face)
    assert not other.samples.exists()
    assert not example_files.path_of(sample.digest).exists()


def test_a_browsers_corrections_become_those_of_the_account_it_logs_in_to(
    client: Client, photo_bytes: bytes, dataset: Dataset, stranger: User
) -> None:
    client.post("/", {"photos": SimpleUploadedFile("a.jpg", photo_bytes)})
    prediction = Prediction.objects.get()
    Prediction.objects.update(status=Status.DONE, took_ms=1)
    face = FaceFactory.create(prediction=prediction, **PORTRAIT)
    client.post(f"/predictions/{prediction.pk}/faces/0/correction/", ALL_SAID)
    review(Correction.objects.all(), Review.ACCEPTED, stranger)
    before = add(dataset).sender
    account = User.objects.create_user("late", password="correct horse")
    client.post("/account/login/", {"username": "late", "password": "correct horse"})
    photo = Photo.objects.get()
    assert photo.owner == account
    assert before != dataset.samples.get().sender == sender_of(photo)
    take_back(face)
    assert not dataset.samples.exists()


def test_a_photo_that_cannot_be_read_holds_up_no_other(
    face: Face, dataset: Dataset, stranger: User, photo_bytes: bytes
) -> None:
    other = portrait(Owner(user_id=stranger.pk), photo_bytes)
    correct(other, {"age": 50, "gender": 0, "race": 2}, consents=True)
    review(Correction.objects.all(), Review.ACCEPTED, stranger)
    face.prediction.photo.image.storage.delete(face.prediction.photo.image.name or "")
    assert add(dataset).age == 50


def test_who_may_not_change_datasets_adds_nothing(
    client: Client, face: Face, dataset: Dataset
) -> None:
    clerk = User.objects.create_user("clerk", is_staff=True)
    rights = ["view_correction", "change_correction"]
    clerk.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(clerk)
    url = "/admin/predictions/correction/"
    assert "Add accepted corrections" not in client.get(url).content.decode()
    assert client.post(f"{url}add-to/", {"dataset": dataset.pk}).status_code == 403
    assert not ImportRun.objects.exists()


def test_a_second_click_waits_for_the_first(client: Client, face: Face, dataset: Dataset) -> None:
    client.force_login(User.objects.create_superuser("boss"))
    for _ in range(2):
        page = client.post(
            "/admin/predictions/correction/add-to/", {"dataset": dataset.pk}, follow=True
        )
    assert "already running" in page.content.decode()
    assert ImportRun.objects.count() == 1


def test_the_command_names_a_dataset_that_is_not_there() -> None:
    with pytest.raises(CommandError, match="no dataset called"):
        call_command("add_corrections", dataset="nowhere")


def test_a_senders_word_is_the_same_for_all_of_theirs_and_no_one_elses(
    owner: Owner, stranger: User, photo_bytes: bytes
) -> None:
    def photo(of: Owner) -> Photo:
        return accept_photo(of, SimpleUploadedFile("a.jpg", photo_bytes)).photo

    words = [sender_of(photo(of)) for of in (owner, owner, Owner(user_id=stranger.pk))]
    assert words[0] == words[1] != words[2]
