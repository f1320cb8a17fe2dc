"""How many of which kind, and how far that may be off."""

import json
from typing import Any

import numpy as np
import pytest
from django.conf import settings as site_settings
from django.utils import translation
from rest_framework.test import APIClient

from predictions.batches.models import Batch
from predictions.batches.summary import _chart
from predictions.batches.totals import AttributeTotals, LabelTotal, totals_of, true_counts
from tests.factories import (
    FaceFactory,
    FinishedPredictionFactory,
    ModelVersionFactory,
    PhotoFactory,
)

MEN, WOMEN = ((574, 31), (33, 489)), (78, 62)


def ends(draws: Any) -> Any:
    return np.percentile(draws, [2.5, 97.5], axis=0)


def test_the_issues_example() -> None:
    low, high = ends(true_counts(WOMEN, MEN))
    assert 53 <= low[1] <= 58
    assert 65 <= high[1] <= 70
    assert (true_counts(WOMEN, MEN).sum(axis=1) == 140).all()


def test_a_model_that_never_errs_is_taken_at_its_word() -> None:
    draws = true_counts((30, 70), ((100_000, 0), (0, 100_000)))
    assert (abs(draws - [30, 70]) <= 1).all()


def test_a_known_lean_is_put_right() -> None:
    """Of 100 true women this model takes 40 for men, and no man for a woman."""
    low, high = ends(true_counts((140, 60), ((1000, 0), (400, 600))))
    assert low[1] < 100 < high[1]
    assert low[1] > 60


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_intervals_hold_the_true_number_as_often_as_they_say(share: float) -> None:
    """200 batches of 120 faces with a share of women, by a model of the starter's errors."""
    random = np.random.default_rng(7)
    rates = np.asarray(MEN) / np.sum(MEN, axis=1, keepdims=True)
    held = 0
    for _ in range(200):
        women = random.binomial(120, share)
        given = random.multinomial(120 - women, rates[0]) + random.multinomial(women, rates[1])
        low, high = ends(true_counts(tuple(given.tolist()), MEN))
        held += bool(low[1] <= women <= high[1])
    assert held >= 0.9 * 200


@pytest.fixture
def version() -> Any:
    report = json.loads((site_settings.STARTER_BUNDLE / "report.json").read_text())
    return ModelVersionFactory.create(name="starter", report=report)


def add(batch: Batch, version: Any, **face: Any) -> None:
    photo = PhotoFactory.create(owner=batch.owner, batch=batch)
    made = FinishedPredictionFactory.create(photo=photo, model_version=version, face_count=1)
    FaceFactory.create(prediction=made, **face)


@pytest.mark.django_db
def test_totals_of_a_batch(batch: Batch, version: Any, api: APIClient) -> None:
    man = {"gender": {"label": "male", "probability": 0.9, "probabilities": {}}}
    for _ in range(20):
        add(batch, version)
    for _ in range(10):
        add(batch, version, estimates=man)
    add(batch, version, estimates={"age": None, "gender": None, "race": None})
    totals = {one.attribute: one for one in totals_of(batch)}
    assert list(totals) == ["age", "gender", "race"]
    gender = totals["gender"]
    assert (gender.faces, gender.unknown) == (30, 1)
    female = gender.labels[1]
    assert (female.label, female.count) == ("female", 20)
    assert female.low is not None
    assert female.high is not None
    assert 15 <= female.low < 20 < female.high <= 25
    assert gender.versions == {"starter": 1127}
    assert {one.label: one.count for one in totals["age"].labels}["20-39"] == 20
    told = api.get(f"/api/v1/batches/{batch.pk}/totals/").json()
    assert told[1]["labels"][1]["count"] == 20


def test_an_interval_without_width_is_not_told() -> None:
    chart = _chart(AttributeTotals("gender", 16, 0, (LabelTotal("female", 16, 16, 16),), {}))
    assert (chart.sentence, chart.bars[0].range) == ("Female: 16 of 16 faces", "")
    chart = _chart(AttributeTotals("gender", 16, 0, (LabelTotal("female", 16, 14, 16),), {}))
    assert chart.sentence.endswith("between 14 and 16")
    assert chart.bars[0].range == "14–16"


def told(attribute: str, *labels: tuple[str, int, int, int]) -> str:
    faces = sum(count for _label, count, _low, _high in labels)
    totals = tuple(LabelTotal(*one) for one in labels)
    return _chart(AttributeTotals(attribute, faces, 2, totals, {})).sentence


def test_why_a_number_lies_beside_its_range_is_said() -> None:
    """By the draws for a model that takes 40 of 100 women for men, and no man for a woman."""
    low, high = ends(true_counts((140, 60), ((1000, 0), (400, 600)))).round().astype(int)
    men, women = (("male", 140, low[0], high[0]), ("female", 60, low[1], high[1]))
    assert told("gender", men, women) == (
        f"Male: 140 of 200 faces; allowing for the model’s errors, between {low[0]} and {high[0]} "
        "(2 more could not be estimated). This model takes others for “Male” more often than the "
        "reverse, so the true number is probably lower."
    )
    of_ages = ("0-19", 5, 9, 15), ("20-39", 60, 40, 55), ("40-59", 30, 25, 35), ("60+", 2, 3, 9)
    assert told("age", *of_ages).endswith(
        ". This model takes others for “Ages 20–39” more often than the reverse, so the true "
        "number is probably lower. This model takes “Ages 0–19”, “Ages 60+” for others more often "
        "than the reverse, so the true numbers are probably higher."
    )
    assert "more often" not in told("gender", ("male", 140, 138, 140), ("female", 60, 60, 62))
    with translation.override("ko"):
        assert "실제 수는 아마 더 적을 것입니다." in told("gender", men, women)
        assert "실제 수는 아마 더 많을 것입니다." in told("age", *of_ages)


@pytest.mark.django_db
def test_where_nobody_knows_how_often_it_errs_that_is_said(batch: Batch, version: Any) -> None:
    add(batch, version)
    add(batch, ModelVersionFactory.create(name="untested"))
    gender = totals_of(batch)[1]
    assert gender.versions == {"starter": 1127, "untested": None}
    assert [(one.count, one.low) for one in gender.labels] == [(0, None), (2, None)]
    assert totals_of(batch)[0].labels[1].low is None


@pytest.mark.django_db
def test_an_empty_batch_has_totals_of_nothing(batch: Batch) -> None:
    assert [(one.faces, one.labels[0].count) for one in totals_of(batch)] == [(0, 0)] * 3
