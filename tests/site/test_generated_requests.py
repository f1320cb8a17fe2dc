"""Generated requests to every address of the site: none is an error of ours, none takes long.

A short profile; `FACEROUTE_EXAMPLES=1500` tries more. The API's own are in
`tests/predictions/api/test_schema.py`.
"""

import json
import uuid
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import event, given
from hypothesis import strategies as st

from predictions.batches.models import Archive, Batch
from tests.factories import (
    DatasetFactory,
    FaceFactory,
    FinishedPredictionFactory,
    ModelVersionFactory,
    PhotoFactory,
)
from tests.generated import answered_in_time, thorough
from tests.site.addresses import Address, addresses
from tests.site.test_odd_requests import ODD, PARAMETERS, is_ours
from training.models import Dataset

pytestmark = pytest.mark.django_db(transaction=True)

METHODS = ["GET", "GET", "POST", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
FIELDS = [
    *PARAMETERS,
    *("username", "password", "password1", "password2", "name", "action", "index", "days"),
    *("_selected_action", "select_across", "language", "photos", "token", "age", "race", "deed"),
]
TYPES = ["application/json", "text/plain", "multipart/form-data; boundary=x", "", "image/jpeg"]
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("Accept", "Accept-Language", "Cookie", "HX-Request", "If-Modified-Since", "Origin"),
            *("If-None-Match", "Prefer", "Range", "Referer", "X-Forwarded-For", "Authorization"),
            *("Idempotency-Key", "X-HTTP-Method-Override", "Content-Encoding", "X-Time-Zone"),
        ]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40),
    max_size=3,
)
VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from([value for values in ODD.values() for value in values]),
    st.integers().map(str),
    st.dates().map(str),
)
TERMS = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4)
# The first of these would be the last that is asked as that person.
LASTING = [one for one in addresses() if "log" not in one.route and "account/" not in one.route]


def written(terms: dict[str, str]) -> str:
    return urlencode(terms, errors="replace")


@st.composite
def paths(draw: Any, there: dict[str, str]) -> str:
    """The path of any address, with what is there in its places or with anything."""
    address: Address = draw(st.sampled_from(LASTING))
    values = {}
    for name, kind in address.parameters.items():
        known = st.just(there.get(kind, "1"))
        anything = st.one_of(st.sampled_from(ODD.get(kind, ["a"])), VALUES)
        value = draw(st.one_of(known, known, anything))
        values[name] = quote(value.encode("utf-8", "replace"), safe="")
    return address.path(**values)


@st.composite
def bodies(draw: Any) -> dict[str, Any]:
    """What a request carries: a form, files, a document, or anything under any type."""
    match draw(st.sampled_from(["form", "files", "document", "anything"])):
        case "form":
            kind = "application/x-www-form-urlencoded"
            return {"data": written(draw(TERMS)), "content_type": kind}
        case "files":
            file = SimpleUploadedFile("a.jpg", draw(st.binary(max_size=100)))
            text = {key: value.encode("utf-8", "replace") for key, value in draw(TERMS).items()}
            return {"data": {**text, draw(st.sampled_from(FIELDS)): file}}
        case "document":
            numbers = st.one_of(st.integers(), st.floats(), st.booleans(), st.none(), VALUES)
            document = st.recursive(
                numbers, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
            )
            data = json.dumps(draw(document))
            return {"data": data, "content_type": "application/json"}
        case _:
            data = draw(st.binary(max_size=200))
            return {"data": data, "content_type": draw(st.sampled_from(TYPES))}


def furnish(user: User) -> str:
    """Give a user a batch with a zip and a photo with a face, all of one id, which is returned;
    and have a dataset and a version, of the number 0."""
    key = uuid.uuid4()
    photo = PhotoFactory.create(owner=user)
    batch = Batch.objects.create(pk=key, owner=user, name="one", expires_at=photo.expires_at)
    Archive.objects.create(pk=key, batch=batch, sender="a", name="a.zip", bytes=100)
    photo.batch = batch
    photo.save()
    FaceFactory.create(prediction=FinishedPredictionFactory.create(pk=key, photo=photo))
    if not Dataset.objects.filter(pk=0).exists():
        DatasetFactory.create(pk=0)
        ModelVersionFactory.create(pk=0)
    return str(key)


@pytest.mark.parametrize("who", ["nobody", "owner", "administrator"])
@thorough()
@given(data=st.data())
def test_no_request_is_an_error(who: str, data: st.DataObject, user: User) -> None:
    client = Client(raise_request_exception=False)
    key = furnish(user)
    if who == "owner":
        client.force_login(user)
    if who == "administrator":
        boss, _ = User.objects.get_or_create(username="boss", is_superuser=True, is_staff=True)
        client.force_login(boss)
    path = data.draw(paths({"uuid": key, "int": "0", "str": "0", "path": "0"}))
    method, body = data.draw(st.sampled_from(METHODS)), data.draw(bodies())
    if method in {"GET", "HEAD", "OPTIONS", "TRACE"}:
        body = {}
    if isinstance(body.get("data"), dict) and method != "POST":
        body = {}
    address = f"{path}?{written(data.draw(TERMS))}"
    send = getattr(client, method.lower())
    with answered_in_time():
        answer = send(address, headers=data.draw(HEADERS), **body)
        if answer.streaming and not answer.is_async:
            for _ in answer.streaming_content:
                pass
    event(str(answer.status_code))
    assert not is_ours(answer), (method, address, answer.content[:500])
