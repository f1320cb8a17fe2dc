"""The overview: health, traffic, what waits for a person, where faces part from training data."""

from datetime import UTC, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from predictions import room
from predictions.heartbeats import UPKEEP
from predictions.processes import UpkeepTask, Worker
from predictions.sums import DailySum
from tests.factories import DatasetFactory, ModelVersionFactory, PhotoFactory, SampleFactory
from tests.training.reports import HEADS, made_report
from tests.training.training_runs import training_run
from training.charts import Chart
from training.models import JobState, LabelIssue

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


def add(what: str, **counts: int) -> None:
    today = timezone.now().astimezone(UTC).date()
    for label, count in counts.items():
        DailySum.objects.create(day=today, what=what, label=label.replace("_", "."), count=count)


def test_traffic_of_the_week_is_told(boss: Client) -> None:
    add("photos", done=120, failed=4)
    add("failure", undecodable=4)
    add("faces", found=150)
    DailySum.objects.create(
        day=timezone.now().astimezone(UTC).date(), what="seconds", label="0.5", count=100
    )
    page = boss.get("/admin/")
    assert page.context["traffic"]["failures"] == [("undecodable", 4)]
    text = page.content.decode()
    for words in ("120", "150", "undecodable", "0.5 s", "Photos a day"):
        assert words in text


def charts_of_drift(boss: Client) -> dict[str, Chart]:
    sections = boss.get("/admin/").context["sections"]
    [section] = [one for one in sections if "beside" in one.title]
    return {chart.key: chart for chart in section.charts}


def test_where_faces_part_from_the_training_data_is_said_in_a_sentence(boss: Client) -> None:
    report = made_report()
    trained = {"gender": {"male": 900, "female": 300}, "age": {"20-29": 700, "90+": 500}}
    labels = {"classes": {"train": trained, "test": {}}, "agreement": None}
    ModelVersionFactory.create(
        is_active=True, report=report, manifest={"heads": HEADS, "labels": labels}
    )
    add("gender", male=10, female=290)
    DailySum.objects.create(
        day=timezone.now().astimezone(UTC).date(), what="age", label="20-29", count=250
    )
    charts = charts_of_drift(boss)
    gender = charts["drift-gender"]
    assert gender.sentence == "Female: 97% of the faces, but 25% of the training images."
    assert gender.columns[1:] == ("Last four weeks", "Training images")
    age = charts["drift-age"]
    assert age.sentence == "20-29: 100% of the faces, but 58% of the training images."


def test_confidences_are_compared_with_those_on_images_that_were_not_learnt_from(
    boss: Client,
) -> None:
    labels = {"classes": {"train": {"gender": {"male": 900, "female": 300}}}}
    ModelVersionFactory.create(
        is_active=True, report=made_report(), manifest={"heads": HEADS, "labels": labels}
    )
    today = timezone.now().astimezone(UTC).date()
    DailySum.objects.create(day=today, what="confidence", label="gender 0.5", count=250)
    chart = charts_of_drift(boss)["drift-confidence-gender"]
    assert chart.columns[1:] == ("Last four weeks", "Test images")


def test_a_version_that_does_not_tell_its_training_labels_is_compared_by_its_test(
    boss: Client,
) -> None:
    ModelVersionFactory.create(
        name="v7", is_active=True, report=made_report(), manifest={"heads": HEADS}
    )
    add("gender", male=10, female=290)
    gender = charts_of_drift(boss)["drift-gender"]
    assert gender.sentence == "Female: 97% of the faces, but 50% of the test images."
    DailySum.objects.all().delete()
    add("gender", male=1, female=29)  # too few to say anything of
    assert boss.get("/admin/").context["sections"] == []


def test_runs_that_ended_and_versions_held_back_wait_for_somebody(boss: Client) -> None:
    new = ModelVersionFactory.create(name="new")
    training_run(JobState.DONE, version=new, activate=True, finished_at=timezone.now())
    training_run(JobState.INTERRUPTED)
    long_ago = timezone.now() - timedelta(days=30)
    training_run(JobState.DONE, finished_at=long_ago)
    page = boss.get("/admin/")
    assert [one["name"] for one in page.context["held_back"]] == ["new"]
    assert len(page.context["runs_to_see"]) == 2
    assert "new was not activated: decide" in page.content.decode()


def test_label_issues_lead_to_the_images_or_to_the_searches_of_several_datasets(
    boss: Client,
) -> None:
    def href() -> str:
        url: str = boss.get("/admin/").context["label_issues_url"]
        return url

    def issue(name: str) -> int:
        sample = SampleFactory.create(dataset=DatasetFactory.create(name=name))
        LabelIssue.objects.create(sample=sample, label="gender", score=1, suggestion="female")
        key: int = sample.dataset_id
        return key

    searches = "/admin/training/reviewrun/"
    assert href() == searches
    key = issue("faces")
    assert href() == f"/admin/training/dataset/{key}/gallery/?show=doubtful-gender"
    page = boss.get(href()).content.decode()
    assert "<h1" in page
    assert "Label issues of faces" in page
    issue("others")
    assert href() == searches
    assert "Label issues</h1>" in boss.get(searches).content.decode()


def test_health_tells_every_part_in_the_reader_s_language(boss: Client) -> None:
    english = boss.get("/admin/health/").content.decode()
    assert "Scheduler" in english
    assert "No model version is active." in english
    assert "<span>Web</span>: OK</li>" in english
    korean = boss.get("/admin/health/", headers={"Accept-Language": "ko"}).content.decode()
    assert "활성 모델 버전이 없습니다" in korean


def test_the_page_asks_for_as_much_of_the_database_however_long_the_site_has_run(
    boss: Client, django_assert_max_num_queries: Any
) -> None:
    today = timezone.now().astimezone(UTC).date()
    DailySum.objects.bulk_create(
        DailySum(day=today - timedelta(days=n), what="photos", label="done", count=n)
        for n in range(800)
    )
    with django_assert_max_num_queries(30):
        boss.get("/admin/")


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "Deleting expired photos has been overdue since"), ("ko", "만료된 사진 삭제 작업이")],
)
def test_upkeep_that_is_late_is_told_in_the_reader_s_language(
    boss: Client, language: str, words: str
) -> None:
    now = timezone.now()
    Worker.objects.create(queues=UPKEEP, seen_at=now, machine="here", process=1)
    UpkeepTask.objects.create(name="expire", due_at=timezone.now() - timedelta(hours=1))
    page = boss.get("/admin/health/", headers={"Accept-Language": language})
    assert words in page.content.decode()


def test_the_limit_of_photos_is_told_in_the_reader_s_language(boss: Client, settings: Any) -> None:
    settings.MEDIA_BYTES = 1
    PhotoFactory.create(bytes=2_000_000)
    room.forget()
    page = boss.get("/admin/health/", headers={"Accept-Language": "ko"}).content.decode()
    assert "사진이 허용된 용량(FACEROUTE_MEDIA_BYTES)을 모두 차지해(2.0 MB)" in page
    # For programs it stays English, whatever their header says.
    asked = boss.get("/readyz", headers={"Accept-Language": "ko"}).json()["checks"]
    assert asked["room"].startswith("Photos take 2.0 MB")
    room.forget()
