"""Every call over real HTTP, answered by the real web process, queue, worker and model."""

import json
import math
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from tests.processes import Stack, wait_until
from vision.attributes import AGE_BINS, GENDER, RACE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Caller:
    """A program with an API key."""

    url: str
    key: str

    def call(self, method: str, path: str, *photos: bytes, **headers: str) -> Answer:
        files = [SimpleUploadedFile("photo.jpg", photo) for photo in photos]
        request = urllib.request.Request(  # noqa: S310
            path if path.startswith("http") else f"{self.url}/api/v1/{path}",
            data=encode_multipart(BOUNDARY, {"photo": files}) if files else None,
            headers={"Authorization": f"Bearer {self.key}", **headers},
            method=method,
        )
        if files:
            request.add_header("Content-Type", MULTIPART_CONTENT)
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:  # noqa: S310
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def finished(self, prediction: dict[str, Any]) -> Any:
        """A prediction's document, once it is finished."""
        path = f"predictions/{prediction['id']}/"
        wait_until(lambda: self.call("GET", path).json["took_ms"] is not None, "it is done")
        return self.call("GET", path).json


@pytest.fixture
def caller(redis: Stack, user: User) -> Caller:
    redis.manage("register_starter")
    redis.start_worker()
    _process, url = redis.start_web()
    return Caller(url, redis.manage("create_api_key", user.username).strip())


def assert_is_the_portrait(prediction: dict[str, Any]) -> None:
    assert prediction["status"] == "done"
    assert prediction["failure"] is None
    assert prediction["took_ms"] > 0
    [face] = prediction["faces"]
    box = face["box"]
    nose = {"x": 223, "y": 115}
    assert box["x"] < nose["x"] < box["x"] + box["width"]
    assert box["y"] < nose["y"] < box["y"] + box["height"]
    assert face["detection_confidence"] > 0.9
    assert face["gender"]["label"] == "female"
    assert 20 < face["age"]["years"] < 45
    assert face["age"]["low"] < face["age"]["years"] < face["age"]["high"]
    assert [label for label, _share in face["age"]["distribution"]] == list(AGE_BINS)
    assert math.isclose(sum(share for _, share in face["age"]["distribution"]), 1, abs_tol=0.01)
    for head, labels in (("gender", GENDER.labels), ("race", RACE.labels)):
        shares = face[head]["probabilities"]
        assert set(shares) == set(labels)
        assert face[head]["probability"] == shares[face[head]["label"]] == max(shares.values())


def test_a_programs_way_through_the_api(
    caller: Caller, photo_bytes: bytes, faceless_bytes: bytes
) -> None:
    sent = caller.call("POST", "predictions/", photo_bytes, Prefer="wait=60")
    assert (sent.status, sent.headers["Preference-Applied"]) == (201, "wait")
    assert_is_the_portrait(sent.json)
    assert sent.json["model_version"] == caller.call("GET", "models/active/").json["name"]
    assert caller.call("GET", sent.headers["Location"]).json == sent.json

    for path in (sent.json["photo"]["url"], f"predictions/{sent.json['id']}/faces/0/crop/"):
        image = caller.call("GET", path)
        assert (image.status, image.headers["Content-Type"]) == (200, "image/jpeg")
        assert image.body.startswith(b"\xff\xd8")

    batch = caller.call("POST", "predictions/batch/", photo_bytes, b"no photo", faceless_bytes)
    portrait, broken, cat = batch.json
    assert batch.status == 202
    assert_is_the_portrait(caller.finished(portrait["prediction"]))
    assert broken["error"]["code"] == "photo_type_unsupported"
    assert caller.finished(cat["prediction"])["faces"] == []

    again = caller.call("POST", f"predictions/{sent.json['id']}/rerun/")
    assert again.status == 202
    assert_is_the_portrait(caller.finished(again.json))

    listed = caller.call("GET", "predictions/?status=done&limit=10").json["results"]
    expected = [again.json, cat["prediction"], portrait["prediction"], sent.json]
    assert [entry["id"] for entry in listed] == [entry["id"] for entry in expected]
    for prediction in listed:
        assert caller.call("DELETE", f"predictions/{prediction['id']}/").status == 204
    assert caller.call("GET", "predictions/").json["results"] == []
    assert caller.call("GET", sent.headers["Location"]).status == 404
