"""One prediction: its document, its images, deleting it, repeating it."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from predictions.access import Owner
from predictions.models import Photo, Prediction, Status
from predictions.uploads import accept_photo
from tests.factories import FaceFactory, FinishedPredictionFactory, PhotoFactory, PredictionFactory

pytestmark = pytest.mark.django_db

URL = "/api/v1/predictions/"


def finished(user: User, **fields: Any) -> Prediction:
    prediction = FinishedPredictionFactory.create(photo=PhotoFactory.create(owner=user), **fields)
    FaceFactory.create(prediction=prediction)
    created: Prediction = prediction
    return created


def test_a_finished_prediction_has_the_documented_shape(api: APIClient, user: User) -> None:
    prediction = finished(user)
    face = prediction.faces.get()
    assert prediction.model_version is not None
    body = api.get(f"{URL}{prediction.pk}/").json()
    assert body == {
        "id": str(prediction.pk),
        "status": "done",
        "model_version": prediction.model_version.name,
        "created_at": prediction.created_at.isoformat().replace("+00:00", "Z"),
        "took_ms": 87,
        "photo": {
            "width": 640,
            "height": 480,
            "url": f"http://testserver{URL}{prediction.pk}/photo/",
        },
        "warnings": [],
        "faces": [
            {
                "index": 0,
                "box": {"x": 100, "y": 80, "width": 180, "height": 210},
                "detection_confidence": 0.998,
                "quality": {
                    "size": 182,
                    "sharpness": 0.7,
                    "exposure": 0.6,
                    "overexposed": 0.0,
                    "turn": 12,
                    "cut": False,
                    "reliable": True,
                    "warnings": [],
                },
                **face.estimates,
                "correction": None,
            }
        ],
        "failure": None,
        "queue": None,
    }
    assert body["faces"][0]["gender"]["label"] == "female"


def test_a_warning_belongs_to_the_photo_in_the_reader_s_language(
    api: APIClient, user: User
) -> None:
    prediction = finished(user)
    Photo.objects.update(warnings=["photo_cut_short", "of another version"])
    again = api.post(f"{URL}{prediction.pk}/rerun/").json()
    [warning] = again["warnings"]
    assert warning["code"] == "photo_cut_short"
    assert warning["message"].startswith("The file was cut short")
    korean = api.get(f"{URL}{prediction.pk}/", HTTP_ACCEPT_LANGUAGE="ko").json()
    assert "끊겨" in korean["warnings"][0]["message"]


def test_what_a_photo_cannot_tell_is_null_and_says_why(api: APIClient, user: User) -> None:
    prediction = finished(user)
    face = prediction.faces.get()
    face.quality = {
        **(face.quality or {}),
        "size": 15,
        "reliable": False,
        "warnings": ["too_small", "of another version"],
    }
    face.estimates = {"age": None, "gender": None, "race": None}
    face.save()
    [told] = api.get(f"{URL}{prediction.pk}/").json()["faces"]
    assert told["age"] is told["gender"] is told["race"] is None
    assert told["quality"]["size"] == 15
    assert told["quality"]["reliable"] is False
    [warning] = told["quality"]["warnings"]
    assert warning["code"] == "too_small"
    assert warning["message"].startswith("Too small to tell")
    korean = api.get(f"{URL}{prediction.pk}/", HTTP_ACCEPT_LANGUAGE="ko").json()
    assert "너무 작아서" in korean["faces"][0]["quality"]["warnings"][0]["message"]


def test_a_face_of_before_has_no_quality(api: APIClient, user: User) -> None:
    prediction = finished(user)
    prediction.faces.update(quality=None)
    assert api.get(f"{URL}{prediction.pk}/").json()["faces"][0]["quality"] is None


def test_a_waiting_prediction_has_the_same_keys(api: APIClient, user: User) -> None:
    waiting = PredictionFactory.create(photo=PhotoFactory.create(owner=user))
    body = api.get(f"{URL}{waiting.pk}/").json()
    assert body["status"] == "queued"
    assert [body[key] for key in ("model_version", "took_ms", "failure")] == [None] * 3
    assert body["faces"] == []
    assert set(body) == set(api.get(f"{URL}{finished(user).pk}/").json())


def test_a_head_that_found_nothing_to_say_gives_null(api: APIClient, user: User) -> None:
    prediction = finished(user)
    face = prediction.faces.get()
    face.estimates["race"] = None
    face.save()
    assert api.get(f"{URL}{prediction.pk}/").json()["faces"][0]["race"] is None


def test_a_head_switched_off_later_is_no_longer_shown(
    api: APIClient, user: User, settings: Any
) -> None:
    prediction = finished(user)
    settings.HEADS = ("age", "gender")
    [face] = api.get(f"{URL}{prediction.pk}/").json()["faces"]
    assert face["race"] is None
    assert face["age"]["years"] == 34.2


def test_faces_come_in_the_order_of_their_index(api: APIClient, user: User) -> None:
    prediction = finished(user)
    for index in (2, 1):
        FaceFactory.create(prediction=prediction, index=index)
    faces = api.get(f"{URL}{prediction.pk}/").json()["faces"]
    assert [face["index"] for face in faces] == [0, 1, 2]


def test_a_failure_has_a_code_and_a_sentence(api: APIClient, user: User) -> None:
    prediction = finished(user, status=Status.FAILED, failure_code="worker_lost")
    failure = api.get(f"{URL}{prediction.pk}/").json()["failure"]
    assert failure["code"] == "worker_lost"
    assert failure["message"].endswith(".")


def test_a_failure_is_as_particular_as_what_is_known_of_it(api: APIClient, user: User) -> None:
    limit = {"code": "megabytes", "parameters": {"count": 15}}
    prediction = finished(
        user,
        status=Status.FAILED,
        failure_code="photo_too_large",
        failure_parameters={"limit": limit},
    )
    address = f"{URL}{prediction.pk}/"
    english = api.get(address).json()["failure"]
    korean = api.get(address, HTTP_ACCEPT_LANGUAGE="ko").json()["failure"]
    assert english == {
        "code": "photo_too_large",
        "message": "The photo is larger than 15 MB. Please send a smaller version.",
    }
    assert korean["message"] == "사진이 한도(15MB)보다 큽니다. 더 작은 사진을 보내 주세요."


@pytest.mark.parametrize("accept", ["image/jpeg", "*/*", "application/json", "text/html"])
def test_images_are_jpegs_for_their_owner_alone(
    api: APIClient, user: User, photo: Any, accept: str
) -> None:
    prediction = accept_photo(Owner(user_id=user.pk), photo())
    FaceFactory.create(prediction=prediction, x=180, y=60, width=80, height=110)
    whole = api.get(f"{URL}{prediction.pk}/photo/", HTTP_ACCEPT=accept)
    crop = api.get(f"{URL}{prediction.pk}/faces/0/crop/", HTTP_ACCEPT=accept)
    for response in (whole, crop):
        assert response["Content-Type"] == "image/jpeg"
        assert response["Cache-Control"] == "no-store, private"
        assert response.content.startswith(b"\xff\xd8")
    assert len(crop.content) < len(whole.content)


@pytest.mark.parametrize("index", ["1", "40000", "9" * 40])
def test_a_face_there_is_not_is_404_in_json(
    api: APIClient, user: User, photo: Any, index: str
) -> None:
    prediction = accept_photo(Owner(user_id=user.pk), photo())
    FaceFactory.create(prediction=prediction)
    url = f"{URL}{prediction.pk}/faces/{index}/crop/"
    response = api.get(url, HTTP_ACCEPT="image/jpeg")
    assert (response.status_code, response["Content-Type"]) == (404, "application/json")


def test_deleting_is_final(api: APIClient, user: User, photo: Any) -> None:
    prediction = accept_photo(Owner(user_id=user.pk), photo())
    assert api.delete(f"{URL}{prediction.pk}/").status_code == 204
    assert api.get(f"{URL}{prediction.pk}/").status_code == 404
    assert api.delete(f"{URL}{prediction.pk}/").status_code == 404
    assert not Photo.objects.exists()


def test_a_rerun_is_a_new_prediction_of_the_same_photo(
    api: APIClient, user: User, photo: Any
) -> None:
    first = accept_photo(Owner(user_id=user.pk), photo())
    response = api.post(f"{URL}{first.pk}/rerun/")
    body = response.json()
    assert (response.status_code, body["status"]) == (202, "queued")
    assert body["id"] != str(first.pk)
    assert response["Location"] == f"http://testserver{URL}{body['id']}/"
    assert Prediction.objects.filter(photo=first.photo).count() == 2
