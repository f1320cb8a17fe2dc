"""The exam on the pages: who sat it, on what, how often it was looked at, and a button for it."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import ModelVersionFactory, UserFactory
from tests.training.reports import HEADS, metrics, without_columns
from tests.training.test_exams import said
from training.exams.exam_runs import is_needed
from training.exams.exam_store import keep_outcome
from training.models import Exam, ExamImage, ExamOutcome, ExamRun, JobState, ModelVersion
from training.reports.downloads import card_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def model_root(settings: Any, tmp_path: Path) -> None:
    settings.MODEL_ROOT = tmp_path / "models"
    settings.STARTER_BUNDLE = tmp_path / "none"


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def exam(db: None) -> Exam:
    exam = Exam.objects.create(dataset_name="five faces")
    for position in range(5):
        age = 10 * (position + 1)
        ExamImage.objects.create(
            exam=exam, position=position, digest=f"{position:064}", age=age, gender=1, race=2
        )
    return exam


@pytest.fixture
def versions(exam: Exam) -> list[ModelVersion]:
    """One that is a year off and serves, one that is two years off and has learnt from an image."""
    about = {"metrics": metrics(age_mae=7.5), "heads": HEADS, "input_size": 96}
    one, other = (
        ModelVersionFactory.create(name=name, manifest=about | {"name": name})
        for name in ("serving", "new")
    )
    ModelVersion.objects.filter(pk=one.pk).update(is_active=True)
    keep_outcome(exam, one, said(1.0))
    keep_outcome(exam, other, said(2.0, seen=(4,)))
    return [one, other]


def page(admin: Client, version: ModelVersion, name: str = "change", **headers: str) -> str:
    url = reverse(f"admin:training_modelversion_{name}", args=[version.pk])
    return without_columns(admin.get(url, headers=headers).content.decode())


@pytest.mark.parametrize("name", ["change", "activate"])
def test_a_version_is_shown_beside_the_one_that_serves_on_the_images_neither_has_seen(
    admin: Client, versions: list[ModelVersion], name: str
) -> None:
    text = page(admin, versions[1], name)
    assert "5 test images of “five faces”, frozen on" in text
    assert "2 versions have been scored on them" in text
    assert "“new” was trained on 1 of them or on a near copy: it does not count." in text
    table = text.split("The exam that all versions take")[1]
    row = table.split("Age, mean absolute error")[1].split("</tr>")[0]
    assert row.count("<td>2.00</td>") == row.count("<td>1.00</td>") == 1
    assert "<td>7.50</td>" in row  # on its own test
    assert "<td>4</td><td>4</td><td>1000</td>" in table
    assert "not been examined" not in text
    assert "Examine the remaining" not in text


@pytest.mark.usefixtures("versions")
def test_the_list_says_nothing_of_the_kind_where_only_groups_are_to_be_told(admin: Client) -> None:
    ExamOutcome.objects.update(by_estimate=None)
    assert is_needed()
    listed = admin.get(reverse("admin:training_modelversion_changelist")).content.decode()
    assert "not been examined" not in listed


def test_what_is_not_examined_says_so_and_can_be(
    admin: Client, versions: list[ModelVersion]
) -> None:
    bare = ModelVersionFactory.create(name="bare", manifest={"heads": HEADS})
    text = page(admin, bare, "activate")
    assert "“bare” has not been examined yet." in text
    assert "Examine the remaining versions" in text
    korean = page(admin, bare, **{"Accept-Language": "ko"})
    assert "“bare”은(는) 아직 시험을 치르지 않았습니다." in korean
    listed = admin.get(reverse("admin:training_modelversion_changelist")).content.decode()
    assert "Some versions have not been examined yet" in listed
    url = reverse("admin:training_modelversion_examine", args=[bare.pk])
    assert admin.get(url).status_code == 302
    assert not ExamRun.objects.exists()
    response = admin.post(url)
    run = ExamRun.objects.get()
    assert run.state == JobState.QUEUED
    assert response["Location"] == reverse("admin:training_examrun_change", args=[run.pk])
    assert "Queued" in admin.get(response["Location"]).content.decode()
    assert admin.get(reverse("admin:training_examrun_changelist")).status_code == 200
    assert "Examination" in admin.get("/admin/").content.decode()


def test_who_may_only_look_starts_no_examination(
    client: Client, versions: list[ModelVersion]
) -> None:
    from django.contrib.auth.models import Permission

    user = UserFactory.create(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_modelversion"))
    client.force_login(user)
    url = reverse("admin:training_modelversion_examine", args=[versions[0].pk])
    assert client.post(url).status_code == 403


def test_without_an_exam_the_page_says_when_there_will_be_one(admin: Client) -> None:
    bare = ModelVersionFactory.create(name="bare", manifest={"heads": HEADS})
    assert "There is no exam yet." in page(admin, bare)
    assert "Examine the remaining" not in page(admin, bare)


def test_a_card_that_is_taken_away_has_the_exam_once(
    exam: Exam, versions: list[ModelVersion], settings: Any
) -> None:
    card = card_of(versions[1])
    assert card.startswith("# The model new")
    section = card.split("## The exam that all versions of its site sit")[1]
    assert "5 test images of “five faces”" in section
    assert "| 4 | 2.00 | +2.00 |" in section
    folder = settings.MODEL_ROOT / versions[1].bundle
    folder.mkdir(parents=True)
    (folder / "MODEL_CARD.md").write_text(card)
    assert card_of(versions[1]) == card
    bare = ModelVersionFactory.create(name="bare", manifest=versions[0].manifest)
    assert "The exam" not in card_of(bare)
