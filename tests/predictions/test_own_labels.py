"""What the sender says is right stands beside the estimate wherever that is shown."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from predictions.access import Owner
from predictions.batches.models import Batch
from predictions.batches.steering import create
from predictions.models import Correction, Face
from tests.factories import FaceFactory, FinishedPredictionFactory, PhotoFactory

pytestmark = pytest.mark.django_db

SAID = {"age": 29, "race": 2}


@pytest.fixture
def browser(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


@pytest.fixture
def batch(user: User) -> Batch:
    return create(Owner(user_id=user.pk), "Holiday")


def corrected(user: User, faces: int = 1, **photo: Any) -> Face:
    """The first of some faces of a photo; its sender corrected it."""
    made = FinishedPredictionFactory.create(photo=PhotoFactory.create(owner=user, **photo))
    first, *_ = [FaceFactory.create(prediction=made, index=n) for n in range(faces)]
    Correction.objects.create(face=first, labels=SAID)
    return made.faces.get(index=0)


@pytest.mark.parametrize("view", ["grid", "table"])
def test_in_the_history(browser: Client, user: User, view: str) -> None:
    corrected(user, faces=2)
    page = browser.get(f"/history/?view={view}").content.decode()
    assert page.count("your label: 29 years, Asian") == 1
    assert page.index("about 34, Female") < page.index("your label")


def test_in_a_card_that_is_fetched_again(browser: Client, user: User) -> None:
    face = corrected(user)
    card = browser.get(f"/predictions/{face.prediction_id}/card/").content.decode()
    assert "your label: 29 years, Asian" in card


def test_in_the_table_of_many_faces(browser: Client, user: User) -> None:
    face = corrected(user, faces=10)
    page = browser.get(f"/predictions/{face.prediction_id}/").content.decode()
    first, second, *_ = page.split("<tbody")[1:]
    age, gender, race = first.split("<td data-value=")[1:]
    assert "your label: 29 years" in age
    assert "your label" not in gender
    assert "your label: Asian" in race.partition('class="details"')[0]
    assert "your label" not in second


def test_in_that_table_as_soon_as_it_is_said_and_until_it_is_taken_back(
    browser: Client, user: User
) -> None:
    face = corrected(user, faces=10)
    address = f"/predictions/{face.prediction_id}/faces/0/correction/"
    script = {"HX-Request": "true"}
    said = {"age": "", "gender": "0", "race": ""}
    told = browser.post(address, said, headers=script).content.decode()
    assert '<span id="own-1-gender" hx-swap-oob="true"><span class="own">your label: Male' in told
    assert '<span id="own-1-age" hx-swap-oob="true"></span>' in told
    told = browser.post(f"{address}take-back/", headers=script).content.decode()
    assert '<span id="own-1-gender" hx-swap-oob="true"></span>' in told
    few = corrected(user)  # its card has no such places
    address = f"/predictions/{few.prediction_id}/faces/0/correction/"
    assert "hx-swap-oob" not in browser.post(address, said, headers=script).content.decode()


def test_in_the_table_of_a_batch(browser: Client, user: User, batch: Batch) -> None:
    corrected(user, faces=2, batch=batch)
    page = browser.get(f"/batches/{batch.pk}/").content.decode()
    assert page.count("your label: 29 years") == page.count("your label: Asian") == 1


def test_beside_another_result(browser: Client, user: User) -> None:
    face = corrected(user)
    again = FinishedPredictionFactory.create(photo=face.prediction.photo)
    FaceFactory.create(prediction=again)
    address = f"/predictions/{again.pk}/compared-with/{face.prediction_id}/"
    assert "your label: 29 years" in browser.get(address).content.decode()


def test_not_of_a_head_that_is_switched_off(browser: Client, user: User, settings: Any) -> None:
    settings.HEADS = ("age", "gender")
    corrected(user)
    page = browser.get("/history/").content.decode()
    assert "your label: 29 years<" in page


def test_it_costs_no_query_a_face(browser: Client, user: User, batch: Batch) -> None:
    face = corrected(user, batch=batch)
    prediction = f"/predictions/{face.prediction_id}/"
    pages = ("/history/?view=grid", f"{prediction}card/", prediction, f"/batches/{batch.pk}/")

    def costs() -> list[int]:
        return [queries(browser, page) for page in pages]

    costs()  # what is remembered is so by now
    before = costs()
    for index in range(1, 12):
        FaceFactory.create(prediction=face.prediction, index=index)
    assert costs() == before


def queries(browser: Client, page: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        assert browser.get(page).status_code == 200
    return len(asked)
