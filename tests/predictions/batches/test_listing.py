"""The table of a batch: which rows there are, narrowed, sorted, in pages."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from predictions.batches import listing
from predictions.batches.listing import PAGE, Wanted, page_of
from predictions.batches.models import Batch, RefusedPhoto
from predictions.models import Status
from tests.factories import (
    FaceFactory,
    FinishedPredictionFactory,
    ModelVersionFactory,
    PhotoFactory,
    PredictionFactory,
)

pytestmark = pytest.mark.django_db


def labelled(label: str, probability: float) -> dict[str, Any]:
    return {"label": label, "probability": probability, "probabilities": {label: probability}}


def years(age: float) -> dict[str, Any]:
    return {"years": age, "low": 1, "high": 99, "coverage": 0.8, "distribution": [["0-9", 1.0]]}


@pytest.fixture
def family(batch: Batch, user: User) -> Batch:
    """Two faces in a.jpg, one in b.jpg, none in c.jpg; d.jpg failed, e.txt was refused, f.jpg
    waits."""
    version = ModelVersionFactory.create()

    def photo(name: str) -> Any:
        return PhotoFactory.create(owner=user, batch=batch, name=name)

    def done(name: str) -> Any:
        return FinishedPredictionFactory.create(photo=photo(name), model_version=version)

    first, second = done("a.jpg"), done("b.jpg")
    done("c.jpg")
    warned: dict[str, Any] = {"size": 30, "sharpness": 1, "exposure": 1, "turn": 0, "cut": False}
    warned |= {"reliable": True, "warnings": ["small"]}
    female, male = labelled("female", 0.99), labelled("male", 0.6)
    for made, number, told in (
        (first, 0, {"age": years(50), "gender": female, "race": labelled("asian", 0.9)}),
        (first, 1, {"age": years(8), "gender": male, "race": labelled("white", 0.8)}),
        (second, 0, {"age": years(31), "gender": female, "race": labelled("white", 0.95)}),
    ):
        quality = {"quality": warned} if number else {}
        FaceFactory.create(prediction=made, index=number, estimates=told, **quality)
    PredictionFactory.create(photo=photo("d.jpg"), status=Status.FAILED, failure_code="worker_lost")
    PredictionFactory.create(photo=photo("f.jpg"))
    RefusedPhoto.objects.create(batch=batch, name="e.txt", key="k", failure_code="photo_unreadable")
    return batch


def names(batch: Batch, **wanted: Any) -> list[str]:
    """The rows, as “a.jpg 1”: a photo and the number of its face."""
    rows = page_of(batch, Wanted(**wanted)).rows
    return [f"{row.name} {row.card.number}" if row.card else row.name for row in rows]


def test_everything_that_is_over_has_a_row(family: Batch) -> None:
    page = page_of(family, Wanted())
    assert [(row.kind, row.name) for row in page.rows] == [
        (listing.FACES, "a.jpg"),
        (listing.FACES, "a.jpg"),
        (listing.FACES, "b.jpg"),
        (listing.NO_FACE, "c.jpg"),
        (listing.FAILED, "d.jpg"),
        (listing.REFUSED, "e.txt"),
    ]
    assert "interrupted twice" in page.rows[4].failure
    assert page.rows[5].failure
    assert page.count == 6


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"show": "faces"}, ["a.jpg 1", "a.jpg 2", "b.jpg 1"]),
        ({"show": "no_face"}, ["c.jpg"]),
        ({"show": "failed"}, ["d.jpg"]),
        ({"show": "refused"}, ["e.txt"]),
        ({"name": "B.J"}, ["b.jpg 1"]),
        ({"name": "e.", "show": "refused"}, ["e.txt"]),
        ({"labels": {"gender": "female"}}, ["a.jpg 1", "b.jpg 1"]),
        ({"labels": {"gender": "female", "race": "white"}}, ["b.jpg 1"]),
        ({"youngest": 8, "oldest": 31}, ["a.jpg 2", "b.jpg 1"]),
        ({"least_sure": 0.9}, ["a.jpg 1", "b.jpg 1"]),
        ({"surest": 0.7}, ["a.jpg 2"]),
        ({"is_clear": True}, ["a.jpg 1", "b.jpg 1"]),
        ({"is_clear": False}, ["a.jpg 2"]),
        ({"show": "refused", "youngest": 1}, []),
    ],
)
def test_filters_are_about_one_and_the_same_face(
    family: Batch, wanted: dict[str, Any], found: list[str]
) -> None:
    assert names(family, **wanted) == found


@pytest.mark.parametrize(
    ("sort", "found"),
    [
        ("age", ["a.jpg 2", "b.jpg 1", "a.jpg 1"]),
        ("-age", ["a.jpg 1", "b.jpg 1", "a.jpg 2"]),
        ("confidence", ["a.jpg 2", "a.jpg 1", "b.jpg 1"]),
        ("-name", ["b.jpg 1", "a.jpg 1", "a.jpg 2"]),
        ("nonsense", ["a.jpg 1", "a.jpg 2", "b.jpg 1"]),
    ],
)
def test_columns_sort(family: Batch, sort: str, found: list[str]) -> None:
    assert names(family, show="faces", sort=sort) == found
    assert len(names(family, sort=sort)) == 6  # what has no such value comes last


def test_pages_have_every_row_once(
    batch: Batch, user: User, django_assert_max_num_queries: Any
) -> None:
    version = ModelVersionFactory.create()
    for number in range(PAGE + 3):
        photo = PhotoFactory.create(owner=user, batch=batch, name=f"{number}.jpg")
        FinishedPredictionFactory.create(photo=photo, model_version=version)
    for number in range(4):
        RefusedPhoto.objects.create(batch=batch, name=f"{number}.txt", key=str(number))
    first, second = page_of(batch, Wanted(), 1), page_of(batch, Wanted(), 2)
    assert (len(first.rows), len(second.rows), second.pages) == (PAGE, 7, 2)
    seen = [row.name for row in [*first.rows, *second.rows]]
    assert len(set(seen)) == len(seen) == PAGE + 7
    assert page_of(batch, Wanted(), 99).number == 2
    with django_assert_max_num_queries(6):
        page_of(batch, Wanted(), 1)
