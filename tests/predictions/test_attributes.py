"""What is declared beside age, gender and race is kept, shown, searched for and corrected: glasses,
estimated of a real photo by a network that was trained for them."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.test import APIClient

from predictions.access import Owner
from predictions.corrections import export_to_folder, labelled_files, review, usable
from predictions.model_server import Served
from predictions.models import Correction, Face, Prediction, Review
from predictions.uploads import accept_photo
from tests.factories import ModelVersionFactory
from tests.predictions.fakes import run_batch
from tests.training.test_attributes import GLASSES, curated, engine, glasses
from vision.attributes import ATTRIBUTES
from vision.detection import load_detector
from vision.inference.engine import Engine
from vision.inference.pipeline import Pipeline

__all__ = ["curated", "engine", "glasses"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("glasses")]


@pytest.fixture(autouse=True)
def all_heads(settings: Any, glasses: Any) -> None:
    settings.HEADS = tuple(ATTRIBUTES)


@pytest.fixture(scope="module")
def pipeline(engine: Engine) -> Pipeline:
    return Pipeline(load_detector(), engine)


@pytest.fixture
def prediction(owner: Owner, photo_bytes: bytes, pipeline: Pipeline) -> Prediction:
    sent = accept_photo(owner, SimpleUploadedFile("ann.jpg", photo_bytes))
    run_batch(Served(ModelVersionFactory.create(), pipeline))
    sent.refresh_from_db()
    return sent


def estimated(prediction: Prediction) -> dict[str, Any]:
    said: dict[str, Any] = prediction.faces.get().estimates["glasses"]
    assert set(said["probabilities"]) == set(GLASSES.labels)
    return said


def other_than(label: str) -> str:
    [other] = set(GLASSES.labels) - {label}
    return other


def test_the_api_has_it_under_attributes_and_finds_it(
    api: APIClient, prediction: Prediction
) -> None:
    said = estimated(prediction)
    [told] = api.get(f"/api/v1/predictions/{prediction.pk}/").json()["faces"]
    assert told["attributes"] == {"glasses": said}
    assert told["gender"]["label"] in {"male", "female"}
    assert "glasses" not in told
    for label, found in ((said["label"], 1), (other_than(said["label"]), 0)):
        answer = api.get("/api/v1/predictions/", {"glasses": label}).json()
        assert len(answer["results"]) == found


def test_pages_show_it_and_find_it(client: Client, user: User, prediction: Prediction) -> None:
    client.force_login(user)
    page = client.get(f"/predictions/{prediction.pk}/").content.decode()
    said = estimated(prediction)
    assert "Glasses" in page
    assert f"{round(100 * said['probability'])}%" in page
    found = client.get("/history/", {"glasses": said["label"]}).content.decode()
    assert str(prediction.pk) in found
    left_out = client.get("/history/", {"glasses": other_than(said["label"])}).content.decode()
    assert str(prediction.pk) not in left_out


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
