"""The OpenAPI document is valid, and every answer is as it says, whatever is asked."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from knox.models import AuthToken
from rest_framework.test import APIClient
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from predictions.access import Owner
from predictions.batches import archives, steering
from predictions.models import Prediction, Status
from predictions.uploads import accept_photo
from tests.factories import FaceFactory, ModelVersionFactory
from tests.generated import answered_in_time, thorough
from tests.training.trainable import small_dataset, small_version
from training.models import TrainingRun

# The document's tests speak WSGI: a request's end closes the connection, as in life.
pytestmark = pytest.mark.django_db(transaction=True)

document = schemathesis.openapi.from_wsgi("/api/v1/schema/", get_wsgi_application())
# Random bytes are no photo and a random cursor is none of ours, though the document cannot say so;
# and a query's unknown or empty parameters are ignored.
beyond_the_document = [positive_data_acceptance, negative_data_rejection]


@pytest.fixture
def headers(user: User) -> dict[str, str]:
    _, key = AuthToken.objects.create(user)
    return {"Authorization": f"Bearer {key}"}


def test_the_document_is_valid_and_complete() -> None:
    printed = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=printed)
    assert "openapi: 3." in printed.getvalue()


def test_the_document_is_served_as_json_and_as_yaml(nobody: APIClient) -> None:
    as_json = nobody.get("/api/v1/schema/")
    assert as_json["Content-Type"] == "application/json"
    found = json.loads(as_json.content)
    assert found["components"]["securitySchemes"] == {
        "bearer": {"type": "http", "scheme": "bearer"}
    }
    as_yaml = nobody.get("/api/v1/schema/", HTTP_ACCEPT="application/vnd.oai.openapi")
    assert as_yaml.content.startswith(b"openapi: 3.")


@document.parametrize()
@thorough(50)
def test_whatever_is_asked_is_answered_as_documented(case: Any, headers: dict[str, str]) -> None:
    with answered_in_time():
        case.call_and_validate(headers=headers, excluded_checks=beyond_the_document)


@pytest.fixture
def administrators_headers() -> dict[str, str]:
    _, key = AuthToken.objects.create(User.objects.create_superuser("boss"))
    return {"Authorization": f"Bearer {key}"}


@document.include(path_regex="training-runs").parametrize()
@thorough(50)
def test_whatever_an_administrator_asks_of_training_is_answered_as_documented(
    case: Any, administrators_headers: dict[str, str]
) -> None:
    with answered_in_time():
        case.call_and_validate(headers=administrators_headers, excluded_checks=beyond_the_document)


def test_training_runs_are_answered_as_documented(
    administrators_headers: dict[str, str], settings: Any, tmp_path: Path
) -> None:
    settings.DATASET_ROOT, settings.MODEL_ROOT = tmp_path / "datasets", tmp_path / "models"
    small_dataset()
    small_version(tmp_path / "bundle")
    runs = "/api/v1/training-runs/"
    body: Any = {"dataset": "tiny", "recipe": "full", "heads": ["gender"], "learning_rate": 0.01}
    for status in (202, 409):
        case = document[runs]["POST"].Case(body=body, media_type="application/json")
        assert case.call_and_validate(headers=administrators_headers).status_code == status
    for path, parameters in ((runs, {}), (f"{runs}{{id}}/", {"id": TrainingRun.objects.get().pk})):
        case = document[path]["GET"].Case(path_parameters=parameters)
        assert case.call_and_validate(headers=administrators_headers).status_code == 200


@pytest.mark.parametrize(
    ("call", "status"),
    [
        ("GET predictions/", 200),
        ("GET predictions/{id}/", 200),
        ("GET predictions/{id}/photo/", 200),
        ("GET predictions/{id}/faces/{index}/crop/", 200),
        ("GET predictions/{id}/accuracy/", 200),
        ("GET predictions/{id}/compared-with/{other}/", 200),
        ("GET predictions/{id}/annotated/", 200),
        ("GET predictions/{id}/anonymised/", 200),
        ("POST predictions/{id}/rerun/", 202),
        ("DELETE predictions/{id}/", 204),
        ("GET batches/", 200),
        ("GET batches/{id}/", 200),
        ("GET batches/{id}/results/", 200),
        ("GET batches/{id}/totals/", 200),
        ("GET batches/{id}/archives/{archive}/", 200),
        ("POST batches/{id}/pause/", 200),
        ("POST batches/{id}/resume/", 200),
        ("POST batches/{id}/retry/", 200),
        ("POST batches/{id}/cancel/", 200),
        ("DELETE batches/{id}/", 204),
        ("GET models/", 200),
        ("GET models/active/", 200),
    ],
)
def test_what_there_is_is_answered_as_documented(
    user: User,
    headers: dict[str, str],
    photo_bytes: bytes,
    call: str,
    status: int,
) -> None:
    owner = Owner(user_id=user.pk)
    batch = steering.create(owner, "one")
    archive = archives.announce(batch, owner, "a.zip", 100)
    photo = SimpleUploadedFile("a.jpg", photo_bytes)
    prediction = accept_photo(owner, photo, batch=batch.pk)
    Prediction.objects.filter(pk=prediction.pk).update(status=Status.DONE)
    FaceFactory.create(prediction=prediction)
    ModelVersionFactory.create(is_active=True)
    method, path = call.split()
    own = batch if path.startswith("batches/") else prediction
    others = {"archive": str(archive.pk), "other": str(prediction.pk)}
    parameters = {"id": str(own.pk), "index": 0, **others}
    case = document[f"/api/v1/{path}"][method].Case(path_parameters=parameters)
    assert case.call_and_validate(headers=headers).status_code == status
