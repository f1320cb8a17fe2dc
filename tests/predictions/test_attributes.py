"""What is declared beside age, gender and race is kept, shown, searched for and corrected."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.test import APIClient

from predictions.access import Owner
from predictions.corrections import export_to_folder, labelled_files, review, usable
from predictions.models import Correction, Face, Prediction, Review
from predictions.uploads import accept_photo
from tests.predictions.fakes import FakeEstimator, face, run_batch, serving
from vision.attributes import ATTRIBUTES, Attribute
from vision.types import ClassEstimate, FaceAttributes, PhotoResult

pytestmark = pytest.mark.django_db

GLASSES = Attribute(
    "glasses", "binary", "Glasses", ("without", "with"), ("Without", "With"), is_sensitive=False
)


@pytest.fixture(autouse=True)
def glasses(settings: Any) -> Iterator[Attribute]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ATTRIBUTES, GLASSES.name, GLASSES)
        settings.HEADS = tuple(ATTRIBUTES)
        yield GLASSES


class Optician(FakeEstimator):
    """Sees one face with glasses."""

    @staticmethod
    def _one(_photo: bytes) -> PhotoResult:
        seen = face()
        worn = {"glasses": ClassEstimate({"without": 0.25, "with": 0.75})}
        attributes = FaceAttributes(seen.attributes.age, {**seen.attributes.classes, **worn})
        return PhotoResult(640, 480, (replace(seen, attributes=attributes),))


@pytest.fixture
def prediction(owner: Owner, photo_bytes: bytes) -> Prediction:
    sent = accept_photo(owner, SimpleUploadedFile("ann.jpg", photo_bytes))
    run_batch(serving(Optician()))
    sent.refresh_from_db()
    return sent


WITH = {"label": "with", "probability": 0.75, "probabilities": {"without": 0.25, "with": 0.75}}


def test_the_api_has_it_under_attributes_and_finds_it(
    api: APIClient, prediction: Prediction
) -> None:
    [told] = api.get(f"/api/v1/predictions/{prediction.pk}/").json()["faces"]
    assert told["attributes"] == {"glasses": WITH}
    assert told["gender"]["label"] == "female"
    for label, found in (("with", 1), ("without", 0)):
        answer = api.get("/api/v1/predictions/", {"glasses": label}).json()
        assert len(answer["results"]) == found


def test_pages_show_it_and_find_it(client: Client, user: User, prediction: Prediction) -> None:
    client.force_login(user)
    page = client.get(f"/predictions/{prediction.pk}/").content.decode()
    assert "Glasses" in page
    assert "75" in page
    assert str(prediction.pk) in client.get("/history/", {"glasses": "with"}).content.decode()
    assert str(prediction.pk) not in client.get("/history/?glasses=without").content.decode()


def test_its_head_can_be_switched_off(
    api: APIClient, prediction: Prediction, settings: Any
) -> None:
    settings.HEADS = ("age",)
    [told] = api.get(f"/api/v1/predictions/{prediction.pk}/").json()["faces"]
    assert told["attributes"] == {"glasses": None}


def test_it_is_corrected_and_learnt_from(
    client: Client, user: User, stranger: User, prediction: Prediction, tmp_path: Any
) -> None:
    client.force_login(user)
    said = {"age": 30, "gender": 1, "race": 0, "glasses": 0, "consent": "on"}
    client.post(f"/predictions/{prediction.pk}/faces/0/correction/", said)
    correction = Correction.objects.get()
    assert correction.labels == {"age": 30, "gender": 1, "race": 0, "glasses": 0}
    assert "Without" in client.get(f"/predictions/{prediction.pk}/").content.decode()
    review(Correction.objects.all(), Review.ACCEPTED, stranger)
    [file] = labelled_files(usable())
    assert file.labels == correction.labels
    export_to_folder(tmp_path)
    header, row = (tmp_path / "corrections.csv").read_text().splitlines()
    assert header == "file,age,gender,race,glasses,sender"
    assert ",30,1,0,0," in row


def test_a_label_left_out_that_no_crop_needs_hinders_nothing(
    stranger: User, prediction: Prediction
) -> None:
    labels = {"age": 30, "gender": 1, "race": 0}
    Correction.objects.create(
        face=Face.objects.get(), labels=labels, consented_at=prediction.created_at
    )
    review(Correction.objects.all(), Review.ACCEPTED, stranger)
    assert [file.labels for file in labelled_files(usable())] == [labels]
