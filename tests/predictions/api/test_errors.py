"""Whatever goes wrong, a program gets JSON: a code, a sentence, and nothing of our insides."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from rest_framework.test import APIClient

from tests.factories import PhotoFactory, PredictionFactory

pytestmark = pytest.mark.django_db

URL = "/api/v1/predictions/"


def error(response: Any, status: int) -> dict[str, Any]:
    """The error of a response, which is JSON of the one shape."""
    assert (response.status_code, response["Content-Type"]) == (status, "application/json")
    body: dict[str, Any] = response.json()
    assert body.keys() - {"fields"} == {"code", "message"}
    assert body["message"].endswith(".")
    return body


@pytest.mark.parametrize("path", ["", "nothing/", "predictions/not-an-id/", "predictions/%00/"])
def test_unknown_paths_are_404(nobody: APIClient, path: str) -> None:
    assert error(nobody.get(f"/api/v1/{path}"), 404)["code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "rest"), [("put", ""), ("patch", ""), ("post", ""), ("get", "rerun/")]
)
def test_other_methods_are_405(api: APIClient, user: User, method: str, rest: str) -> None:
    prediction = PredictionFactory.create(photo=PhotoFactory.create(owner=user))
    response = getattr(api, method)(f"{URL}{prediction.pk}/{rest}", format="multipart")
    assert error(response, 405)["code"] == "method_not_allowed"
    assert "Allow" in response


@pytest.mark.parametrize("path", ["predictions/", "models/", "schema/"])
def test_what_we_cannot_speak_is_406(api: APIClient, path: str) -> None:
    response = api.get(f"/api/v1/{path}", HTTP_ACCEPT="text/xml")
    assert error(response, 406)["code"] == "not_acceptable"


def test_a_broken_multipart_body_is_400(api: APIClient) -> None:
    response = api.generic("POST", URL, "x", content_type="multipart/form-data")
    assert response.status_code == 400
    assert response.json()["code"] == "parse_error"


def test_a_suspicious_request_is_400(api: APIClient) -> None:
    fields = {f"field{number}": "x" for number in range(1100)}
    error(api.post(URL, fields, format="multipart"), 400)


def test_another_sites_name_is_400(api: APIClient) -> None:
    assert error(api.get(URL, HTTP_HOST="evil.example"), 400)["code"] == "bad_request"


def test_our_own_mistakes_are_500_and_show_no_insides(api: APIClient, photo: Any) -> None:
    sent = api.post(URL, {"photo": photo()}, format="multipart").json()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE predictions_face RENAME TO elsewhere")
    response = api.get(f"{URL}{sent['id']}/")
    assert error(response, 500)["code"] == "internal_error"
    assert "face" not in response.content.decode()


def test_messages_come_in_the_callers_language(api: APIClient, photo: Any) -> None:
    english = api.post(URL, {"photo": photo(b"x")}, format="multipart").json()
    korean = api.post(
        URL, {"photo": photo(b"x")}, format="multipart", HTTP_ACCEPT_LANGUAGE="ko"
    ).json()
    assert english["code"] == korean["code"]
    assert english["message"].isascii()
    assert not korean["message"].isascii()


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("batches/", "application/json", '{"name": '),
        ("batches/", "application/json", '{"name": Infinity}'),
        ("predictions/", "multipart/form-data; boundary=x", "no parts"),
        ("predictions/", "multipart/form-data", "no boundary"),
        (
            "predictions/",
            "multipart/form-data; boundary=x",
            '--x\r\nContent-Disposition: form-data; name="photo"; filename="'
            + "a" * 3000
            + '"\r\n\r\n.\r\n--x--\r\n',
        ),
    ],
)
def test_what_cannot_be_read_is_refused_in_the_callers_language(
    api: APIClient, path: str, kind: str, body: str
) -> None:
    answer = api.generic("POST", f"/api/v1/{path}", body, kind, headers={"Accept-Language": "ko"})
    assert not re.search("[a-z]{4}", error(answer, 400)["message"].replace("photo", ""))
