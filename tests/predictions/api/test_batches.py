"""Several photos in one request: each has its own outcome, in the order sent."""

from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from predictions.models import Prediction

pytestmark = pytest.mark.django_db

URL = "/api/v1/predictions/batch/"


def send(api: APIClient, *photos: Any) -> Any:
    return api.post(URL, {"photo": list(photos)}, format="multipart")


def test_each_photo_has_its_own_outcome(api: APIClient, photo: Any) -> None:
    response = send(
        api, photo(name="one.jpg"), photo(b"no photo", name="두번째.jpg"), photo(name="one.jpg")
    )
    assert response.status_code == 202
    first, second, third = response.json()
    assert [entry["name"] for entry in (first, second, third)] == [
        "one.jpg",
        "두번째.jpg",
        "one.jpg",
    ]
    assert second["prediction"] is None
    assert second["error"]["code"] == "photo_type_unsupported"
    assert second["error"]["message"].endswith(".")
    assert first["error"] is third["error"] is None
    assert first["prediction"]["id"] != third["prediction"]["id"]
    body = api.get(f"/api/v1/predictions/{first['prediction']['id']}/").json()
    assert body.pop("queue") is not None  # of one alone
    assert first["prediction"] == body


def test_the_quota_refuses_what_comes_after_it_is_used_up(
    api: APIClient, photo: Any, settings: Any
) -> None:
    settings.PHOTOS_PER_HOUR = 2
    entries = send(api, photo(), photo(), photo()).json()
    assert [entry["error"] and entry["error"]["code"] for entry in entries] == [
        None,
        None,
        "quota_exceeded",
    ]


def test_a_photo_too_large_does_not_hold_up_the_others(
    api: APIClient, photo: Any, settings: Any, photo_bytes: bytes
) -> None:
    settings.PHOTO_MAX_BYTES = len(photo_bytes)
    too_large, fine = send(api, photo(photo_bytes + b"\0"), photo()).json()
    assert too_large["error"]["code"] == "photo_too_large"
    assert fine["prediction"]["status"] == "queued"


def test_a_storage_that_takes_nothing_is_each_photos_own_error(
    api: APIClient, photo: Any, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path / "not a folder"
    settings.MEDIA_ROOT.write_text("")
    response = send(api, photo(), photo())
    assert response.status_code == 202
    assert [entry["error"]["code"] for entry in response.json()] == ["storage_unavailable"] * 2


@pytest.mark.parametrize("count", [4, 7], ids=["too many", "far too many"])
def test_more_photos_than_the_limit_are_refused(
    api: APIClient, photo: Any, settings: Any, count: int
) -> None:
    settings.PHOTOS_PER_UPLOAD, settings.DATA_UPLOAD_MAX_NUMBER_FILES = 3, 6
    response = send(api, *[photo(b"x") for _ in range(count)])
    assert response.status_code == 400
    assert response.json()["fields"] == {"photo": ["Please send at most 3 photos at once."]}
    assert not Prediction.objects.exists()


def test_no_photo_at_all_is_400(api: APIClient) -> None:
    response = api.post(URL, {}, format="multipart")
    assert (response.status_code, list(response.json()["fields"])) == (400, ["photo"])
