"""Trainings in the administration: asked for, refused with words, watched, compared."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models import ProtectedError
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.factories import DatasetFactory, ModelVersionFactory, SampleFactory
from tests.training.examined import examined
from tests.training.training_runs import age_epochs, gender_epochs, training_run
from tests.vision.answers import older, two_models
from training.models import Dataset, JobState, ModelVersion, ReviewRun, TrainingRun
from training.reports.learning_curves import learning_curves
from vision.training.head_recipes import FULL
from vision.training.network_recipes import NETWORK_RECIPES

pytestmark = pytest.mark.django_db

RUNS = "/admin/training/trainingrun/"
FORM = f"{RUNS}train/"
OLD, _other = two_models()


@pytest.fixture
def office(db: None) -> Client:
    """An administrator's browser."""
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.fixture
def backbone(db: None) -> ModelVersion:
    manifest = {"input_size": 96, "metrics": {"age_mae": 5.0}}
    version: ModelVersion = ModelVersionFactory.create(
        name="starter", is_active=True, manifest=manifest
    )
    return version


@pytest.fixture
def dataset(db: None) -> Dataset:
    """Enough images for every split of every recipe."""
    made: Dataset = DatasetFactory.create(name="faces")
    for race in range(3):
        SampleFactory.create_batch(20, dataset=made, race=race)
    return made


def wanted(dataset: Dataset, **changes: Any) -> dict[str, Any]:
    """What the form sends when nothing was touched, with changes."""
    heads = ["age", "gender", "race"]
    untouched = {"epochs": "", "learning_rate": "", "unfreeze": "", "seed": ""}
    chosen = {"dataset": dataset.pk, "recipe": "full", "backbone": "", "heads": heads}
    return {**untouched, **chosen, **changes}


def test_the_form_untouched_trains_the_recipe_as_it_is(
    office: Client, dataset: Dataset, backbone: ModelVersion
) -> None:
    page = office.get(FORM)
    assert "0.001 (classic), 0.001 (full)" in page.content.decode()
    response = office.post(FORM, wanted(dataset))
    run = TrainingRun.objects.get()
    assert response["Location"] == f"{RUNS}{run.pk}/change/"
    assert run.recipe == FULL.as_json()
    assert (run.dataset, run.backbone, run.activate) == (dataset, backbone, False)
    assert run.requested_by == User.objects.get(username="boss")


def test_what_is_filled_in_changes_the_recipe(
    office: Client, dataset: Dataset, backbone: ModelVersion
) -> None:
    changes = {"heads": ["race"], "epochs": "3", "learning_rate": "0.01", "unfreeze": "block5"}
    sent = wanted(dataset, recipe="classic", seed="0", activate="on", **changes)
    office.post(FORM, sent)
    run = TrainingRun.objects.get()
    assert run.activate
    assert list(run.recipe["heads"]) == ["race"]
    assert run.recipe["name"] == "classic"
    kept = [run.recipe[key] for key in ("epochs", "learning_rate", "unfreeze", "seed")]
    assert kept == [3, 0.01, "block5", 0]


@pytest.mark.parametrize(
    ("nonsense", "words"),
    [
        ({"epochs": "0"}, "between 1 and 500"),
        ({"epochs": "many"}, "whole number"),
        ({"learning_rate": "2"}, "between 1e-07 and 1"),
        ({"learning_rate": "nan"}, "Enter a number"),
        ({"seed": "-1"}, "between 0 and"),
        ({"heads": []}, "at least one head"),
        ({"recipe": "secret"}, "valid choice"),
        ({"unfreeze": "all"}, "valid choice"),
        ({"dataset": "99"}, "valid choice"),
        ({"backbone": "99"}, "valid choice"),
    ],
)
def test_nonsense_is_refused_at_its_field(
    office: Client, dataset: Dataset, backbone: ModelVersion, nonsense: dict[str, Any], words: str
) -> None:
    response = office.post(FORM, {**wanted(dataset), **nonsense})
    [(field, errors)] = response.context["form"].errors.items()
    assert field in nonsense
    assert words in str(errors)
    assert not TrainingRun.objects.exists()


def test_a_dataset_without_images_is_refused_with_the_reason(
    office: Client, backbone: ModelVersion
) -> None:
    page = office.post(FORM, wanted(DatasetFactory.create())).content.decode()
    assert "leaves no image" in page
    assert not TrainingRun.objects.exists()


def test_a_second_training_is_refused_with_a_link_to_the_first(
    office: Client, dataset: Dataset, backbone: ModelVersion
) -> None:
    first = training_run(JobState.RUNNING, dataset=dataset)
    page = office.post(FORM, wanted(dataset)).content.decode()
    assert "A training is already in progress. Please wait" in page
    assert f'href="{RUNS}{first.pk}/change/"' in page
    assert TrainingRun.objects.count() == 1


def test_the_way_leads_from_a_dataset_to_the_form(
    office: Client, dataset: Dataset, backbone: ModelVersion
) -> None:
    DatasetFactory.create(name="a newer one")
    charts = office.get(f"/admin/training/dataset/{dataset.pk}/charts/").content.decode()
    assert f'href="{FORM}?dataset={dataset.pk}"' in charts
    row = office.get(f"/admin/training/dataset/{dataset.pk}/train-row/")
    assert row["Location"] == f"{FORM}?dataset={dataset.pk}"
    page = office.get(row["Location"]).content.decode()
    assert re.search(rf'<option value="{dataset.pk}" selected>\s*faces', page)
    assert FORM in office.get(RUNS).content.decode()


def test_staff_without_the_permission_may_not_train_search_or_watch(
    client: Client, dataset: Dataset
) -> None:
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    assert client.get(FORM).status_code == 403
    assert client.post(f"/admin/training/dataset/{dataset.pk}/review/").status_code == 403
    assert not ReviewRun.objects.exists()
    run = training_run(dataset=dataset)
    for rest in ("change", "progress", "growth"):
        assert client.get(f"{RUNS}{run.pk}/{rest}/").status_code == 403


def test_a_search_for_label_issues_starts_once_and_is_shown(
    office: Client, dataset: Dataset
) -> None:
    url = f"/admin/training/dataset/{dataset.pk}/review/"
    assert office.get(url).status_code == 302
    assert not ReviewRun.objects.exists()
    first, second = office.post(url), office.post(url)
    assert first["Location"] == second["Location"]
    page = office.get(first["Location"]).content.decode()
    assert "Queued" in page
    assert "Where the model disagrees" in page
    assert "Searches for label issues</a>" in page
    assert "faces" in office.get("/admin/training/reviewrun/").content.decode()


@pytest.mark.parametrize(
    ("recipe", "begins_with"),
    [
        ("starter-cpu", None),
        ("starter-gpu", None),
        ("continue-cpu", "starter"),
    ],
)
def test_a_whole_network_is_trained_by_the_same_form(
    office: Client, dataset: Dataset, backbone: ModelVersion, recipe: str, begins_with: str | None
) -> None:
    """What such a recipe does not know, the form does not show; what is left in it says nothing."""
    page = office.get(FORM).content.decode()
    assert re.search(rf'<input[^>]+value="{recipe}"[^>]+data-whole-network', page)
    assert not re.search(r'value="full"[^>]+data-whole-network', page)
    left = {"epochs": "3", "unfreeze": "block5"}
    office.post(FORM, wanted(dataset, recipe=recipe, seed="4", learning_rate="0.002", **left))
    run = TrainingRun.objects.get()
    expected = NETWORK_RECIPES[recipe].with_changes(seed=4, learning_rate=0.002)
    assert run.recipe == expected.as_json()
    assert (run.backbone.name if run.backbone else None) == begins_with


def test_a_version_can_be_chosen_to_go_on_from(
    office: Client, dataset: Dataset, backbone: ModelVersion
) -> None:
    office.post(FORM, wanted(dataset, recipe="starter-cpu", backbone=backbone.pk))
    assert TrainingRun.objects.get().backbone == backbone
    with pytest.raises(ProtectedError):
        backbone.delete()


def test_the_time_left_goes_by_what_this_process_did(office: Client) -> None:
    """Of a phase that another process had half done: 10 of 100 took a minute, 40 are left."""
    minute = timezone.now() - timedelta(minutes=1)
    run = training_run(done=60, done_before=50, phase_started_at=minute)
    page = office.get(f"{RUNS}{run.pk}/progress/").content.decode()
    assert re.search("4:0[0-9] left in this step", page)
    TrainingRun.objects.update(done=50)
    assert "left in this step" not in office.get(f"{RUNS}{run.pk}/progress/").content.decode()


def test_a_running_training_shows_how_far_it_is(office: Client) -> None:
    run = training_run(done=25, total=100)
    page = office.get(f"{RUNS}{run.pk}/change/").content.decode()
    assert "Running · Age" in page
    assert "25 of 100" in page
    assert 'aria-valuenow="25"' in page
    assert 'class="fr-past">Features' in page
    assert 'class="fr-now" aria-current="step">Age' in page
    assert "Age: error in years" in page
    assert "the last line\nthe first line" in page
    assert "&quot;learning_rate&quot;: 0.001" in page
    assert 'id="cancel-run"' in page
    assert "Resume" not in page


def test_a_finished_training_leads_to_its_version(office: Client, backbone: ModelVersion) -> None:
    figures = {"age_mae": 4.2, "age_bias": -0.3, "gender_accuracy": 0.92, "race_accuracy": None}
    made = ModelVersionFactory.create(name="full-1", manifest={"metrics": figures})
    run = training_run(JobState.DONE, version=made, backbone=backbone, message="The model is made.")
    page = office.get(f"{RUNS}{run.pk}/change/").content.decode()
    assert f'href="/admin/training/modelversion/{made.pk}/change/">full-1' in page
    assert f'href="/admin/training/modelversion/{backbone.pk}/change/">starter' in page
    assert "age error 4.20 years, age bias -0.300 years, gender accuracy 0.920</dd>" in page
    assert "every 1s" not in page
    assert "Resume" not in page


def test_a_version_that_waits_is_let_serve_by_one_click(office: Client) -> None:
    """With all that speaks against it, in the reader's language."""
    now = timezone.now()
    serving = examined(OLD, name="old", is_active=True, activated_at=now)
    made = examined(older(OLD, 0.5), name="full-1")
    said = "The model “full-1” is made. It waits for your decision, because: …"
    run = training_run(JobState.DONE, version=made, backbone=serving, activate=True, message=said)
    url = f"{RUNS}{run.pk}/change/"
    page = office.get(url).content.decode()
    assert "Done · waits for your decision" in page
    assert "it is worse, by 0.500 to 0.500" in page
    assert said not in page
    button = re.search(r'<form method="post" action="([^"]+)" class="fr-buttons">', page)
    assert button
    assert button[1] == f"/admin/training/modelversion/{made.pk}/activate/"
    assert "Activate full-1 anyway" in page
    korean = office.get(url, headers={"accept-language": "ko"}).content.decode()
    assert "결정을 기다립니다" in korean
    assert "worse" not in korean

    watching = User.objects.create_user("watching", is_staff=True)
    watching.user_permissions.add(Permission.objects.get(codename="view_trainingrun"))
    other = Client()
    other.force_login(watching)
    assert "it is worse, by" in other.get(url).content.decode()
    assert "anyway" not in other.get(url).content.decode()


def test_what_stopped_says_why_and_can_be_resumed(office: Client) -> None:
    run = training_run(JobState.INTERRUPTED, message="The worker was lost.")
    url = f"{RUNS}{run.pk}/change/"
    assert "The worker was lost." in office.get(url).content.decode()
    office.post(url, {"resume": "1"})
    run.refresh_from_db()
    assert run.state == JobState.QUEUED
    office.post(url, {"cancel": "1"})
    run.refresh_from_db()
    assert run.state == JobState.CANCELLED
    page = office.get(url).content.decode()
    assert "Stopped" in page
    assert "Cancel" not in page


def test_the_page_asks_for_charts_only_when_there_is_more_to_show(office: Client) -> None:
    run = training_run()
    page = office.get(f"{RUNS}{run.pk}/change/").content.decode()
    [url] = re.findall(r'hx-get="([^"]*/progress/\?[^"]*)"', unescape(page))
    assert "HX-Trigger" not in office.get(url)
    TrainingRun.objects.update(done=30)
    assert "HX-Trigger" not in office.get(url)
    TrainingRun.objects.update(history={"age": age_epochs(4)})
    assert office.get(url)["HX-Trigger"] == "run-grew"
    growth = office.get(f"{RUNS}{run.pk}/growth/").content.decode()
    assert "in epoch 4 of 4" in growth
    assert "<html" not in growth


def test_a_run_without_an_epoch_or_of_an_unknown_recipe_has_a_page(office: Client) -> None:
    run = training_run(history={}, log="", phase="", total=0, recipe={"name": "elsewhere"})
    page = office.get(f"{RUNS}{run.pk}/change/").content.decode()
    assert "elsewhere" in page
    assert "Learning curves" not in page


def test_the_list_compares_runs_at_a_constant_number_of_queries(
    office: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for mae in (4.1, 4.2, 4.3, 4.4, 4.5, 4.6):
        version = ModelVersionFactory.create(manifest={"metrics": {"age_mae": mae}})
        training_run(JobState.DONE, version=version)
    with django_assert_max_num_queries(12):
        page = office.get(RUNS).content.decode()
    for figure in ("4.1", "4.6", "full"):
        assert figure in page


def test_curves_run_on_through_the_phases_that_train_a_head() -> None:
    together = [
        {**age, **gender} for age, gender in zip(age_epochs(2), gender_epochs(2), strict=True)
    ]
    charts = learning_curves({"age": age_epochs(3), "gender": gender_epochs(1), "block5": together})
    keys = [chart.key for chart in charts]
    assert keys == ["age-loss", "age-error", "gender-loss", "gender-accuracy"]
    loss = charts[0]
    assert loss.columns == ("Epoch", "in training", "on validation")
    assert [row[0] for row in loss.rows] == [1, 2, 3, 4, 5]
    assert [row[2] for row in loss.rows] == [4.0, 2.0, 1.333, 4.0, 2.0]
    third, fourth = (loss.plot.curves[1].points[n][0] for n in (2, 3))
    [line] = loss.plot.rules
    assert line.x1 == pytest.approx((third + fourth) / 2)
    assert charts[1].sentence == "Best on validation: 6.00, in epoch 3 of 5."
    assert charts[3].sentence == "Best on validation: 72.0%, in epoch 3 of 3."


def test_what_a_worker_wrote_of_a_run_is_read_in_the_reader_s_language(office: Client) -> None:
    message = "The worker was lost. Resume the run to continue where it stopped."
    run = training_run(JobState.INTERRUPTED, message=message)
    page = office.get(f"{RUNS}{run.pk}/change/", headers={"Accept-Language": "ko"}).content.decode()
    assert "작업자와 연결이 끊겼습니다" in page
    assert message not in page
