"""The pictures of a batch as one zip: which are in it, by what names, and what it says."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import translation
from PIL import Image
from rest_framework.test import APIClient

from predictions import images
from predictions.access import Owner
from predictions.batches import deletion, pictures, results
from predictions.batches.file_names import FileNames
from predictions.batches.models import Batch
from predictions.batches.sending import note_refused, send_photo
from predictions.models import Photo, Prediction, Status
from predictions.pictures import annotating
from predictions.uploads import StorageUnavailable, delete_prediction
from tests.factories import FaceFactory
from vision.errors import PhotoUnreadable
from vision.photos.decoders import DecodersUnavailable

pytestmark = pytest.mark.django_db

FACE = {"x": 181, "y": 64, "width": 84, "height": 108}

Sent = Callable[..., Prediction]
Asked = Callable[..., list[Any]]


@pytest.fixture
def sent(batch: Batch, owner: Owner, photo_bytes: bytes) -> Sent:
    """Sends a photo of that name; done, with a face, unless told otherwise."""

    def sent(name: str, status: Status = Status.DONE, faces: int = 1, **columns: Any) -> Prediction:
        made = send_photo(batch, owner, SimpleUploadedFile("x.jpg", photo_bytes), "")
        Photo.objects.filter(pk=made.photo_id).update(name=name)
        Prediction.objects.filter(pk=made.pk).update(status=status, face_count=faces, **columns)
        for index in range(faces):
            FaceFactory.create(prediction=made, index=index, landmarks=[], **FACE)
        return made

    return sent


def opened(answer: Any) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))


def pixels(data: bytes) -> Any:
    box = (FACE["x"] + 10, FACE["y"] + 10, FACE["x"] + 70, FACE["y"] + 90)
    return np.asarray(Image.open(io.BytesIO(data)).crop(box))


@pytest.fixture
def asked(browser: Client, api: APIClient, batch: Batch) -> Asked:
    """The answers of the site and of the API."""
    return lambda query="": [
        browser.get(f"/batches/{batch.pk}/pictures.zip{query}"),
        api.get(f"/api/v1/batches/{batch.pk}/pictures/{query}"),
    ]


def test_every_photo_that_is_done_is_in_it_as_its_own_picture_is(
    asked: Asked, browser: Client, batch: Batch, sent: Sent
) -> None:
    first, second = sent("a.jpg"), sent("holiday/b.HEIC")
    for answer in asked():
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
        assert "no-store" in answer["Cache-Control"]
        assert answer["Content-Disposition"] == 'attachment; filename="Holiday-annotated.zip"'
        with opened(answer) as found:
            assert found.namelist() == ["a.jpg", "holiday - b.jpg", "README.txt"]
            assert found.testzip() is None
            for name, made in (("a.jpg", first), ("holiday - b.jpg", second)):
                shown = browser.get(f"/predictions/{made.pk}/annotated.jpg").content
                assert found.read(name) == shown


@pytest.mark.parametrize(
    ("query", "is_black"), [("?kind=anonymised", True), ("?kind=anonymised&how=pixels", False)]
)
def test_faces_can_be_covered(asked: Asked, sent: Sent, query: str, is_black: bool) -> None:
    sent("a.jpg")
    for answer in asked(query):
        assert "-anonymised.zip" in answer["Content-Disposition"]
        with opened(answer) as found:
            face = pixels(found.read("a.jpg"))
            assert bool(face.max() == 0) is is_black
            assert len(np.unique(face.reshape(-1, 3) // 32, axis=0)) < 60
            assert "were not found stay visible" in found.read("README.txt").decode()


@pytest.mark.parametrize("wrong", ["kind=pdf", "how=blur", "kind=anonymised&how=x"])
def test_what_makes_no_sense_is_refused_in_words(asked: Asked, wrong: str) -> None:
    page, call = asked(f"?{wrong}")
    assert (page.status_code, call.status_code) == (400, 400)
    assert "Please choose one of these" in page.content.decode()
    assert list(call.json()["fields"]) == [wrong.rpartition("&")[2].partition("=")[0]]


def test_what_is_left_out_is_said(browser: Client, batch: Batch, sent: Sent) -> None:
    sent("done.jpg")
    sent("nobody.jpg", faces=0)
    sent("waits.jpg", Status.QUEUED, 0)
    sent("lost.jpg", Status.FAILED, 0, failure_code="worker_lost")
    sent("gone.jpg").photo.image.delete(save=False)
    note_refused(batch, "torn\n.jpg", "k", PhotoUnreadable().message)
    with opened(browser.get(f"/batches/{batch.pk}/pictures.zip")) as found:
        assert found.namelist() == ["done.jpg", "nobody.jpg", "README.txt"]
        told = found.read("README.txt").decode().split("\n\n")
    assert told[0] == "The pictures of “Holiday”"
    head, *lines = told[2].split("\n")
    assert head == "Left out:"
    assert [line.partition(":")[0] for line in lines] == [
        *("waits.jpg", "lost.jpg", "gone.jpg", "torn .jpg")
    ]
    assert all(line.endswith(".") for line in lines)
    assert told[3].split("\n")[1:] == ["nobody.jpg", ""]


def test_each_picture_is_sent_before_the_next_is_made(
    batch: Batch, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        sent(f"{n}.jpg")
    made = []

    def drawn(photo: Photo, _draw: object) -> bytes:
        made.append(photo)
        return b"x" * 1000

    monkeypatch.setattr(pictures, "drawn", drawn)
    parts = pictures.zipped(batch, "annotated", annotating)
    for n in range(3):
        assert 1000 < len(next(parts)) < 1300
        assert len(made) == n + 1


def test_what_is_deleted_meanwhile_is_left_out(
    batch: Batch, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "_CHUNK", 2)
    made = [sent(f"{n}.jpg") for n in range(5)]
    parts = pictures.zipped(batch, "annotated", annotating)
    begun = next(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.db.transaction.on_commit", lambda do, **_: do())
        for one in made[1:4]:  # one of those that are loaded, and two that are not yet
            delete_prediction(one)
    whole = zipfile.ZipFile(io.BytesIO(begun + b"".join(parts)))
    assert whole.namelist() == ["0.jpg", "4.jpg", "README.txt"]
    told = whole.read("README.txt").decode()
    assert "1.jpg: It was deleted, or can no longer be opened." in told
    assert "2 photos were deleted while this file was being made." in told


def test_a_batch_that_is_deleted_meanwhile_ends_it_whole(
    batch: Batch, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "_CHUNK", 1)
    for n in range(3):
        sent(f"{n}.jpg")
    parts = pictures.zipped(batch, "annotated", annotating)
    begun = next(parts)
    assert deletion.delete(batch)
    whole = zipfile.ZipFile(io.BytesIO(begun + b"".join(parts)))
    assert whole.namelist() == ["0.jpg", "README.txt"]


@pytest.mark.parametrize("error", [StorageUnavailable("reading"), DecodersUnavailable()])
def test_a_storage_or_decoder_that_is_away_leaves_no_zip_that_looks_whole(
    batch: Batch, sent: Sent, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    for n in range(2):
        sent(f"{n}.jpg")
    parts = pictures.zipped(batch, "annotated", annotating)
    begun = [next(parts)]

    def away(_file: object) -> bytes:
        raise error

    monkeypatch.setattr(images, "_read", away)
    with pytest.raises(type(error)):
        begun.extend(parts)
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(b"".join(begun)))


def test_the_text_is_in_the_readers_language(batch: Batch, sent: Sent) -> None:
    sent("waits.jpg", Status.QUEUED, 0)
    with translation.override("ko"):
        data = b"".join(pictures.zipped(batch, "annotated", annotating))
    told = zipfile.ZipFile(io.BytesIO(data)).read("README.txt").decode()
    assert "제외된 사진:" in told


def test_pictures_are_nobody_elses(
    client: Client, stranger: User, batch: Batch, sent: Sent
) -> None:
    sent("a.jpg")
    client.force_login(stranger)
    assert client.get(f"/batches/{batch.pk}/pictures.zip").status_code == 404


def test_the_page_offers_them_once_something_is_done(
    browser: Client, batch: Batch, sent: Sent
) -> None:
    address = f"/batches/{batch.pk}/pictures.zip"
    assert address not in browser.get(f"/batches/{batch.pk}/").content.decode()
    sent("a.jpg")
    page = browser.get(f"/batches/{batch.pk}/").content.decode()
    assert f'href="{address}"' in page
    assert f'href="{address}?kind=anonymised"' in page


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("IMG_1234.JPG", "IMG_1234"),
        ("a.b.jpg", "a.b"),
        ("noending", "noending"),
        ("../../etc/passwd", "etc - passwd"),
        ("C:\\Users\\me\\a.jpg", "C_ - Users - me - a"),
        (".hidden.jpg", "hidden"),
        ("con.jpg", "_con"),
        ("Lpt1.x.png", "_Lpt1.x"),
        ("a\u202egpj.exe", "agpj"),
        ("li\nne\0.jpg", "line"),
        ('<b>"?*|.jpg', "_b_____"),
        ("...", "photo"),
        ("", "photo"),
        ("/", "photo"),
        ("\ud800.jpg", "photo"),
        ("한글.jpg", "한글"),
        (" a . .jpg", "a"),
    ],
)
def test_names_are_safe_on_every_system(name: str, wanted: str) -> None:
    assert FileNames(".jpg").like(name) == f"{wanted}.jpg"


def test_names_are_unique_and_short() -> None:
    names = FileNames(".jpg")
    given = [names.like(name) for name in ("a.jpg", "A.png", "a (2).jpg", "a.jpg")]
    assert given == ["a.jpg", "A (2).jpg", "a (2) (2).jpg", "a (3).jpg"]
    long = [names.like("한" * 255), names.like("한" * 255)]
    assert len(set(long)) == 2
    assert max(len(name.encode()) for name in long) < 200
