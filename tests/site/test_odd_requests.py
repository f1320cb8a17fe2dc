"""No request that somebody makes up is an error of ours, whatever stands in its address or body."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from tests.predictions.conftest import client_of
from tests.site.addresses import Address, addresses

pytestmark = pytest.mark.django_db

LARGE = "9" * 40
LARGEST = "9" * 5000  # more digits than Python makes a number of
ODD = {
    "str": ["abc", "²", "\0", LARGE, "-1", "١", "_", "\ud800", "' OR 1=1"],
    "path": ["abc", "²", "\0", LARGE, "-1", "_zz", "a/b", "\ud800"],
    "int": ["0", LARGE],
    "slug": ["none", "a" * 300],
    "uuid": ["00000000-0000-0000-0000-000000000000"],
}
PARAMETERS = [
    "before", "status", "since", "until", "version", "faces_min", "age_min", "gender", "cursor",
    "limit", "created_after", "show", "page", "p", "o", "q", "all", "e", "dataset", "recipe",
    "seen", "trunk", "_popup", "_to_field", "next", "review", "state", "lang",
]  # fmt: skip


@pytest.fixture
def administrator(db: None) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("boss"))
    return client


def filled(address: Address) -> Iterator[str]:
    """The address with each odd value in all its places."""
    kinds = address.parameters
    for turn in range(max((len(ODD[kind]) for kind in kinds.values()), default=0)):
        values = {name: ODD[kind][turn % len(ODD[kind])] for name, kind in kinds.items()}
        quoted = {k: quote(v.encode("utf-8", "surrogatepass")) for k, v in values.items()}
        yield address.path(**quoted)


def is_ours(answer: Any) -> bool:
    """Whether it says that we made a mistake."""
    return bool(answer.status_code >= 500 and answer.status_code != 503)


def test_no_odd_key_of_a_row_is_an_error(administrator: Client) -> None:
    asked = [path for address in addresses() for path in filled(address)]
    wrong = [path for path in asked if is_ours(administrator.get(path))]
    assert len(asked) > 500
    assert wrong == []


@pytest.mark.parametrize(
    "value", ["²", "\0", LARGEST, "-1", "9999-12-31T23:59:59-14:00_" + "0" * 32]
)
def test_no_odd_parameter_is_an_error(administrator: Client, value: str) -> None:
    query = urlencode(dict.fromkeys(PARAMETERS, value))
    pages = [one.path() for one in addresses() if not one.parameters]
    wrong = [page for page in pages if is_ours(administrator.get(f"{page}?{query}"))]
    assert wrong == []


@pytest.mark.parametrize("value", ["²", "\0", LARGEST])
def test_no_odd_form_is_an_error(administrator: Client, value: str) -> None:
    names = [
        "image",
        "username",
        "password",
        "password1",
        "password2",
        "name",
        "path",
        "action",
        "index",
    ]
    names += ["_selected_action", "select_across", "selected", "language", "dataset", "deed"]
    form = dict.fromkeys([*PARAMETERS, *names], value)
    # Of what is named logout, the first would be the last.
    pages = [one.path() for one in addresses() if not one.parameters and "log" not in one.route]
    wrong = [page for page in pages if is_ours(administrator.post(page, form))]
    assert wrong == []


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe",
        b"NaN",
        b"9" * 10_000,
        b"[1]",
        b'{"dataset": "\\ud800", "recipe": "\\u0000", "trunk": "\\u0000"}',
        b'{"dataset": {"a": 1}, "recipe": ["full"], "heads": {"a": 1}, "seed": 1e400}',
    ],
    ids=["lists", "objects", "bytes", "nan", "digits", "list", "surrogate", "kinds"],
)
def test_no_odd_document_is_an_error(db: None, body: bytes) -> None:
    program: APIClient = client_of(User.objects.create_superuser("boss"))
    answer = program.post("/api/v1/training-runs/", body, content_type="application/json")
    assert answer.status_code == 400
    assert set(json.loads(answer.content)) >= {"code", "message"}


def test_error_pages_keep_the_navigation(administrator: Client, monkeypatch: Any) -> None:
    assert "<nav" in administrator.get("/nothing/").content.decode()
    assert "<nav" in administrator.get("/", headers={"host": "elsewhere"}).content.decode()
    monkeypatch.setattr("predictions.views.about.metrics_of", None)
    monkeypatch.setattr("predictions.views.about.active_version", lambda: 1)
    broken = administrator.get("/about/")
    assert broken.status_code == 500
    assert '<a href="/history/">' in broken.content.decode()
