"""A number that stands for nothing is no label: it gets in nowhere, and what is in does no harm."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import IntegrityError, connection, transaction
from django.test import Client

from predictions.corrections import correct
from tests.factories import DatasetFactory, FaceFactory, ModelVersionFactory, SampleFactory
from training.datasets.annotations import adopt_estimates, annotate
from training.datasets.judging import judge
from training.eda.dataset_figures import summary
from training.models import (
    Annotation,
    Dataset,
    Exam,
    ExamImage,
    ExamOutcome,
    LabelIssue,
    Sample,
)
from vision.data.utkface import LabelOutOfRange

pytestmark = pytest.mark.django_db

IMPOSSIBLE = [{"age": 185}, {"gender": 2}, {"race": 5}, {"age": 121}]


@pytest.fixture(autouse=True)
def _folders(settings: Any, tmp_path: Path) -> None:
    cache.clear()
    settings.DATASET_ROOT = tmp_path / "kept"


@pytest.fixture
def without_constraints() -> Iterator[None]:
    """A database as an earlier version left it."""
    if connection.vendor != "sqlite":
        pytest.skip("Only SQLite lets its constraints be ignored.")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = ON")
        yield
        cursor.execute("PRAGMA ignore_check_constraints = OFF")


@pytest.mark.parametrize("said", IMPOSSIBLE, ids=str)
def test_nobody_can_say_what_no_label_is(said: dict[str, int], user: User) -> None:
    sample = SampleFactory.create()
    with pytest.raises(LabelOutOfRange):
        annotate(sample, user, said)
    with pytest.raises(LabelOutOfRange):
        sample.labels = {**sample.labels, **said}
    with pytest.raises(LabelOutOfRange):
        correct(FaceFactory.create(), said, consents=True)
    exam = Exam.objects.create()
    ExamImage.objects.create(exam=exam, position=0, digest="a", age=30, gender=0, race=0)
    for rows in (Sample.objects.all(), Annotation.objects.all(), ExamImage.objects.all()):
        Annotation.objects.get_or_create(sample=sample, annotator=user)
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**said)


@pytest.mark.parametrize("said", [{"age": "185"}, {"gender": "2"}, {"race": "-1"}], ids=str)
def test_the_form_refuses_it(admin_client: Client, said: dict[str, str]) -> None:
    sample = SampleFactory.create()
    answers = {"age": "30", "gender": "0", "race": "0", "override": ""} | said
    page = admin_client.post(f"/admin/training/sample/{sample.pk}/change/", answers)
    assert page.status_code == 200
    sample.refresh_from_db()
    assert sample.labels == {"age": 30, "gender": 0, "race": 0}


@pytest.mark.parametrize("years", ["185", "-3"])
def test_an_estimate_that_no_face_has_is_not_taken_over(
    admin_client: Client, user: User, years: str
) -> None:
    sample = SampleFactory.create(bucket=2)
    LabelIssue.objects.create(sample=sample, label="age", score=0.9, suggestion=years)
    gallery = f"/admin/training/dataset/{sample.dataset_id}/gallery/?show=doubtful-age"
    assert admin_client.get(gallery).status_code == 200
    assert adopt_estimates(Sample.objects.all(), user, "age") == 0
    sample.refresh_from_db()
    assert sample.age == 30


def spoil(dataset: Dataset, user: User) -> None:
    """Labels as they cannot be any more."""
    for number, labels in enumerate(IMPOSSIBLE):
        sample = SampleFactory.create(dataset=dataset, bucket=2, **labels)
        Annotation.objects.bulk_create([Annotation(sample=sample, annotator=user, age=30 + number)])
    Annotation.objects.filter(age=31).update(age=185)


def test_figures_and_pages_survive_what_is_in_the_database(
    without_constraints: None, admin_client: Client, user: User
) -> None:
    dataset: Dataset = DatasetFactory.create()
    good = SampleFactory.create(dataset=dataset)
    spoil(dataset, user)
    judge(dataset)
    found = summary(dataset)
    assert sum(found["counts"]["decade"].values()) == 1
    assert found["funnels"]["full"][-1]["count"] == 1
    own = f"/admin/training/dataset/{dataset.pk}"
    for path in ("charts/", "gallery/", "gallery/?show=malformed_name", "splits/full.csv"):
        assert admin_client.get(f"{own}/{path}").status_code == 200
    assert admin_client.get("/admin/training/sample/").status_code == 200
    for sample in dataset.samples.exclude(pk=good.pk):
        assert sample.reason == "malformed_name"
        page = admin_client.get(f"/admin/training/sample/{sample.pk}/change/")
        assert page.status_code == 200


def test_an_upgrade_sets_them_aside_under_their_own_reason(
    without_constraints: None, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    migration = importlib.import_module("training.migrations.0023_labels_that_are_none")
    monkeypatch.setattr(migration, "BATCH", 2)
    dataset, other = DatasetFactory.create(), DatasetFactory.create()
    good = SampleFactory.create(dataset=dataset)
    spoil(dataset, user)
    migration.set_aside(apps, None)
    dataset.refresh_from_db()
    other.refresh_from_db()
    assert dataset.revision
    assert other.revision == 0
    for sample in dataset.samples.exclude(pk=good.pk):
        assert (sample.found, sample.reason) == ("label_out_of_range", "label_out_of_range")
        assert len(sample.labels) == 2
    good.refresh_from_db()
    assert (good.reason, len(good.labels)) == ("", 3)
    assert sorted(Annotation.objects.values_list("age", flat=True), key=str) == [30, 32, 33, None]
    judge(dataset)
    assert dataset.samples.filter(reason="label_out_of_range").count() == 4
    with connection.cursor() as cursor:  # the constraints would hold now
        cursor.execute("PRAGMA ignore_check_constraints = OFF")
    Sample.objects.update(to_check=False)


def test_an_upgrade_takes_them_out_of_the_exam_and_has_versions_asked_again(
    without_constraints: None,
) -> None:
    exams = [Exam.objects.create(dataset_name=name, of_utkface=name == "a") for name in "ab"]
    for exam in exams:
        ExamOutcome.objects.create(
            exam=exam, version=ModelVersionFactory.create(), scores=b"", figures={}
        )
        for position, age in enumerate((30, 185, 40) if exam == exams[0] else (50,)):
            ExamImage.objects.create(
                exam=exam, position=position, digest=f"{position}", age=age, gender=0, race=0
            )
    migration = importlib.import_module("training.migrations.0030_exam_labels_that_are_none")
    migration.leave_out(apps, None)
    assert list(ExamImage.objects.order_by("age").values_list("age", flat=True)) == [30, 40, 50]
    assert [outcome.exam for outcome in ExamOutcome.objects.all()] == [exams[1]]
