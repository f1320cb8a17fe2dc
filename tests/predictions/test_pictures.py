"""The annotated and the anonymised picture of a prediction, on the site and by the API."""

import io
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from numpy.typing import NDArray
from PIL import Image
from rest_framework.test import APIClient

from predictions.access import Owner
from predictions.models import Prediction, Status
from predictions.uploads import accept_photo
from tests.factories import FaceFactory

pytestmark = pytest.mark.django_db

FIRST = {"x": 181, "y": 64, "width": 84, "height": 108}
SECOND = {"x": 380, "y": 320, "width": 60, "height": 60}


@pytest.fixture
def prediction(user: User, photo_bytes: bytes) -> Prediction:
    made = accept_photo(Owner(user_id=user.pk), SimpleUploadedFile("ann.jpg", photo_bytes))
    Prediction.objects.filter(pk=made.pk).update(status=Status.DONE)
    FaceFactory.create(prediction=made, index=0, landmarks=[], **FIRST)
    FaceFactory.create(prediction=made, index=1, landmarks=[], **SECOND)
    return made


@pytest.fixture
def owner(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


def face_pixels(content: bytes, box: dict[str, int]) -> NDArray[np.uint8]:
    x, y = box["x"] + 10, box["y"] + 10
    image = Image.open(io.BytesIO(content))
    return np.asarray(image.crop((x, y, x + box["width"] - 20, y + box["height"] - 20)))


def is_black(content: bytes, box: dict[str, int]) -> bool:
    return int(face_pixels(content, box).max()) == 0


def both(owner: Client, api: APIClient, pk: object, query: str) -> list[Any]:
    """The answers of the site and of the API."""
    return [
        owner.get(f"/predictions/{pk}/anonymised.jpg?{query}"),
        api.get(f"/api/v1/predictions/{pk}/anonymised/?{query}"),
    ]


@pytest.mark.parametrize(
    ("query", "covered"),
    [("", (True, True)), ("faces=1", (False, True)), ("faces=0,1&how=solid", (True, True)),
     ("faces=0&faces=1", (True, True)), ("faces= 0 ,", (True, False))],
)  # fmt: skip
def test_chosen_faces_are_covered_and_no_others(
    owner: Client, api: APIClient, prediction: Prediction, query: str, covered: tuple[bool, bool]
) -> None:
    for answer in both(owner, api, prediction.pk, query):
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
        assert "no-store" in answer["Cache-Control"]
        assert (is_black(answer.content, FIRST), is_black(answer.content, SECOND)) == covered


def test_pixels_hide_a_face_and_are_no_plain_cover(
    owner: Client, api: APIClient, prediction: Prediction
) -> None:
    for answer in both(owner, api, prediction.pk, "how=pixels"):
        face = face_pixels(answer.content, FIRST)
        assert 0 < len(np.unique(face.reshape(-1, 3) // 32, axis=0)) < 60
        assert face.std() > 5


@pytest.mark.parametrize(
    ("query", "words"),
    [("faces=2", "There is no face “2”"), ("faces=one", "“one”"), ("how=blur", "solid, pixels"),
     ("faces=" + "9" * 300, "“" + "9" * 20 + "”")],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_in_words(
    owner: Client, api: APIClient, prediction: Prediction, query: str, words: str
) -> None:
    page, call = both(owner, api, prediction.pk, query)
    assert (page.status_code, call.status_code) == (400, 400)
    assert words in page.content.decode()
    assert words in call.json()["fields"][query.partition("=")[0]][0]


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING, Status.FAILED])
def test_before_it_is_done_there_is_no_picture(
    owner: Client, api: APIClient, prediction: Prediction, status: Status
) -> None:
    """The bare photo would pass for one without anybody in it."""
    Prediction.objects.filter(pk=prediction.pk).update(status=status)
    answers = both(owner, api, prediction.pk, "")
    answers.append(api.get(f"/api/v1/predictions/{prediction.pk}/annotated/"))
    assert [one.status_code for one in answers] == [404, 404, 404]


def test_the_annotated_picture_marks_faces_and_reads_alike_in_every_language(
    owner: Client, api: APIClient, prediction: Prediction, photo_bytes: bytes
) -> None:
    english = owner.get(f"/predictions/{prediction.pk}/annotated.jpg").content
    korean = owner.get(
        f"/predictions/{prediction.pk}/annotated.jpg", headers={"Accept-Language": "ko"}
    ).content
    assert english == korean == api.get(f"/api/v1/predictions/{prediction.pk}/annotated/").content
    assert Image.open(io.BytesIO(english)).size == (512, 512)
    assert not is_black(english, FIRST)
    changed = np.abs(
        np.asarray(Image.open(io.BytesIO(english))).astype(int)
        - np.asarray(Image.open(io.BytesIO(photo_bytes)))
    ).max(axis=2)
    assert (changed > 60).sum() > 1000


def test_pictures_can_be_kept_as_files(owner: Client, prediction: Prediction) -> None:
    for name in ("annotated", "anonymised"):
        shown = owner.get(f"/predictions/{prediction.pk}/{name}.jpg")
        kept = owner.get(f"/predictions/{prediction.pk}/{name}.jpg?download=")
        assert shown["Content-Disposition"] == "inline"
        filename = f"faceroute-{name}-{prediction.pk}.jpg"
        assert kept["Content-Disposition"] == f'attachment; filename="{filename}"'


def test_a_photo_whose_file_is_gone_is_404(owner: Client, prediction: Prediction) -> None:
    prediction.photo.image.delete(save=False)
    assert owner.get(f"/predictions/{prediction.pk}/annotated.jpg").status_code == 404


def test_the_page_offers_every_face_and_warns_of_those_not_found(
    owner: Client, prediction: Prediction
) -> None:
    page = owner.get(f"/predictions/{prediction.pk}/").content.decode()
    assert page.count('type="checkbox" name="faces"') == 2
    assert "Faces that were not found stay visible" in page
    prediction.faces.all().delete()
    assert 'name="faces"' not in owner.get(f"/predictions/{prediction.pk}/").content.decode()
