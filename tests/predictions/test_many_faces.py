"""From ten faces on the result page has a row a face in place of a card."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from predictions.models import Prediction
from tests.factories import FaceFactory, FinishedPredictionFactory, PhotoFactory

pytestmark = pytest.mark.django_db


def page_of(client: Client, user: User, count: int) -> str:
    prediction = FinishedPredictionFactory.create(photo=PhotoFactory.create(owner=user))
    for index in range(count):
        FaceFactory.create(prediction=prediction, index=index)
    untold = prediction.faces.get(index=count - 1)
    untold.quality = {**(untold.quality or {}), "warnings": ["too_dark"], "reliable": False}
    untold.estimates = {"age": None, "gender": None, "race": None}
    untold.save()
    client.force_login(user)
    assert Prediction.objects.count() == 1
    return client.get(f"/predictions/{prediction.pk}/").content.decode()


def test_nine_faces_are_cards(client: Client, user: User) -> None:
    page = page_of(client, user, 9)
    assert page.count('<article class="face"') == 9
    assert "<table" not in page


def test_ten_faces_are_rows_with_their_cards_folded_in(client: Client, user: User) -> None:
    page = page_of(client, user, 10)
    assert page.count("<tbody") == page.count('<article class="face"') == 10
    assert re.findall(r'<th scope="col"[^>]*>(\w+)<', page) == ["Face", "Age", "Gender", "Race"]
    first, *_, last = page.split("<tbody")[1:]
    for words in ("34 ", "27–42", "Female", "97%", "Asian", "91%"):
        assert words in first
    assert first.index("Female") < first.index('class="details"')
    assert "too dark" in last
    assert "Too dark to tell" in last
    assert last.count('<td data-value="">–<') == 3


@pytest.mark.parametrize("count", [3, 12])
def test_marks_and_faces_lead_to_each_other_without_a_script(
    client: Client, user: User, count: int
) -> None:
    page = page_of(client, user, count)
    ids = set(re.findall(r' id="([^"]+)"', page))
    targets = set(re.findall(r' href="#([^"]+)"', page))
    assert targets <= ids
    for number in range(1, count + 1):
        assert {f"mark-{number}", f"face-{number}"} <= targets
    assert len(re.findall(r' id="([^"]+)"', page)) == len(ids)
