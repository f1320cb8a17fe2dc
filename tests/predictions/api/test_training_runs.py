"""Training runs by REST: for administrators alone, one at a time, told whole."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from tests.factories import ModelVersionFactory
from tests.predictions.conftest import client_of
from tests.training.trainable import quick, small_dataset, small_version
from tests.training.training_runs import training_run
from training.models import Dataset, JobState, TrainingRun
from training.runs.trainings import execute, take
from vision.training.head_recipes import HEAD_RECIPES

# Committed as in life: the run's heart beats on a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)

RUNS = "/api/v1/training-runs/"


@pytest.fixture(autouse=True)
def roots(settings: Any, tmp_path: Path) -> None:
    for name in ("MODEL", "TRAINING", "DATASET", "FEATURE"):
        setattr(settings, f"{name}_ROOT", tmp_path / name.lower())


@pytest.fixture
def ready(db: None, tmp_path: Path) -> None:
    """A dataset called “tiny” and an active version called “small”."""
    small_dataset()
    small_version(tmp_path / "bundle")


def ask(client: APIClient, **changes: Any) -> Any:
    return client.post(RUNS, {"dataset": "tiny", "recipe": "full"} | changes)


def test_only_administrators_may_ask_or_look(
    api: APIClient, nobody: APIClient, ready: None
) -> None:
    for client, status in ((nobody, 401), (api, 403)):
        assert ask(client).status_code == status
        assert client.get(RUNS).status_code == status
        assert client.get(f"{RUNS}1/").status_code == status
    assert not TrainingRun.objects.exists()


def test_staff_without_further_rights_may(ready: None) -> None:
    client = client_of(User.objects.create_user("helper", is_staff=True))
    assert ask(client).status_code == 202


def test_what_is_asked_for_is_what_waits(administrator_api: APIClient, ready: None) -> None:
    changes = {"epochs": 4, "learning_rate": 0.01, "unfreeze": "block5", "seed": 9}
    response = ask(administrator_api, heads=["age", "race"], activate=True, **changes)
    assert response.status_code == 202
    run = TrainingRun.objects.get()
    assert (
        run.recipe == HEAD_RECIPES["full"].with_changes(heads=["age", "race"], **changes).as_json()
    )
    assert run.activate
    assert run.requested_by == User.objects.get(username="boss")
    assert response["Location"].endswith(f"{RUNS}{run.pk}/")
    assert administrator_api.get(response["Location"]).json() == response.json()
    told = response.json()
    assert told.pop("created_at").endswith("Z")
    assert told == {
        "id": run.pk,
        "state": "queued",
        "phase": "",
        "progress": {"done": 0, "total": 0},
        "recipe": run.recipe,
        "dataset": "tiny",
        "trunk": "small",
        "history": {},
        "message": "",
        "model_version": None,
        "waits_for_decision": False,
        "started_at": None,
        "finished_at": None,
    }


@pytest.mark.parametrize(
    ("wanted", "activate", "even_if_worse"),
    [(True, True, False), (False, False, False), ("even-if-worse", True, True)],
)
def test_a_version_may_be_wanted_to_serve_even_if_it_is_worse(
    administrator_api: APIClient,
    ready: None,
    wanted: bool | str,
    activate: bool,
    even_if_worse: bool,
) -> None:
    assert ask(administrator_api, activate=wanted).status_code == 202
    run = TrainingRun.objects.get()
    assert (run.activate, run.even_if_worse) == (activate, even_if_worse)


@pytest.mark.parametrize("wanted", ["whatever", "if-worse", 7, None, ["even-if-worse"], {}])
def test_any_other_word_for_it_is_refused(
    administrator_api: APIClient, ready: None, wanted: Any
) -> None:
    response = ask(administrator_api, activate=wanted)
    assert response.status_code == 400
    assert "activate" in str(response.json())
    assert not TrainingRun.objects.exists()


def test_a_run_whose_version_waits_says_so(administrator_api: APIClient, ready: None) -> None:
    version = ModelVersionFactory.create(name="made")
    run = training_run(JobState.DONE, activate=True, version=version)
    assert administrator_api.get(f"{RUNS}{run.pk}/").json()["waits_for_decision"]


def test_what_is_left_out_is_as_the_recipe_has_it(
    administrator_api: APIClient, ready: None
) -> None:
    assert (
        ask(administrator_api, recipe="classic").json()["recipe"]
        == HEAD_RECIPES["classic"].as_json()
    )


def test_a_whole_network_can_be_asked_for(administrator_api: APIClient, ready: None) -> None:
    """From random weights, unless a version is named or the recipe goes on from one."""
    told = ask(administrator_api, recipe="starter-cpu", seed=3).json()
    assert told["recipe"]["stages"] == [[64, 8, 64], [96, 5, 48]]
    assert told["recipe"]["seed"] == 3
    assert told["trunk"] is None
    for changes in ({"recipe": "starter-cpu", "trunk": "small"}, {"recipe": "continue-cpu"}):
        TrainingRun.objects.all().delete()
        assert ask(administrator_api, **changes).json()["trunk"] == "small"


def test_a_second_training_is_a_conflict(administrator_api: APIClient, ready: None) -> None:
    ask(administrator_api)
    response = ask(administrator_api)
    assert response.status_code == 409
    assert response.json() == {
        "code": "training_refused",
        "message": "A training is already in progress. Please wait for it to end, or stop it.",
    }
    assert TrainingRun.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"recipe": "magic"}, "invalid", "magic"),
        ({"dataset": "nothing"}, "invalid", "nothing"),
        ({"trunk": "nothing"}, "invalid", "nothing"),
        ({"recipe": "starter-cpu", "epochs": 3}, "recipe_invalid", "epochs"),
        ({"dataset": "a\0b"}, "parse_error", "understood"),
        ({"dataset": {"name": "tiny"}}, "invalid", "dataset"),
        ({"heads": []}, "invalid", "heads"),
        ({"heads": ["nose"]}, "invalid", "nose"),
        ({"unfreeze": "all"}, "invalid", "all"),
        ({"epochs": 0}, "recipe_invalid", "epochs must lie between 1 and 500, not 0."),
        ({"epochs": "many"}, "invalid", "epochs"),
        ({"learning_rate": 10}, "recipe_invalid", "learning_rate"),
        ({"learning_rate": "nan"}, "invalid", "learning_rate"),
        ({"seed": -1}, "recipe_invalid", "seed"),
        ({"seed": 10**30}, "recipe_invalid", "seed"),
    ],
)
def test_what_cannot_be_trained_is_said(
    administrator_api: APIClient, ready: None, changes: dict[str, Any], code: str, words: str
) -> None:
    response = ask(administrator_api, **changes)
    assert response.status_code == 400
    assert response.json()["code"] == code
    assert words in response.json()["message"]
    assert not TrainingRun.objects.exists()


def test_what_cannot_be_trained_is_said_in_the_callers_language(
    administrator_api: APIClient, ready: None
) -> None:
    body = {"dataset": "tiny", "recipe": "full", "epochs": 0}
    response = administrator_api.post(RUNS, body, format="json", HTTP_ACCEPT_LANGUAGE="ko")
    assert response.json() == {
        "code": "recipe_invalid",
        "message": "epochs 값은 1에서 500 사이여야 합니다. 지금 값: 0.",
    }


def test_how_a_run_ended_is_told_in_the_callers_language(
    administrator_api: APIClient, ready: None
) -> None:
    run = training_run(
        JobState.FAILED, message_code="loss_diverged", message_parameters={"head": "age"}
    )
    address = f"{RUNS}{run.pk}/"
    english = administrator_api.get(address).json()["message"]
    korean = administrator_api.get(address, HTTP_ACCEPT_LANGUAGE="ko").json()["message"]
    assert english.startswith("The loss of the age head is no longer a number.")
    assert korean.startswith("age 헤드의 손실이 더는 숫자가 아닙니다.")


def test_a_run_is_told_with_its_curves_and_its_version(
    administrator_api: APIClient, ready: None
) -> None:
    changes = {"heads": ["gender"], "epochs": 2}
    pk = ask(administrator_api, **changes).json()["id"]
    execute(take(pk))
    [told] = administrator_api.get(RUNS).json()["results"]
    assert (told["state"], told["model_version"]) == ("done", f"full-{pk}")
    assert told["phase"] == "exam"
    assert told["progress"]["done"] == told["progress"]["total"] > 0
    assert len(told["history"]["gender"]) == 2
    assert told["started_at"] < told["finished_at"]
    active = administrator_api.get("/api/v1/models/").json()["results"]
    assert [version["name"] for version in active] == [f"full-{pk}", "small"]


def test_runs_come_newest_first_at_a_constant_number_of_queries(
    administrator_api: APIClient, ready: None, django_assert_num_queries: Any
) -> None:
    trainings = [_ended_run() for _ in range(5)]
    administrator_api.get(RUNS)  # notes that the key is used, once an hour
    with django_assert_num_queries(4):  # of the key three, of the runs one
        told = administrator_api.get(f"{RUNS}?limit=4").json()["results"]
    assert [run["id"] for run in told] == [run.pk for run in reversed(trainings)][:4]


def _ended_run() -> TrainingRun:
    return TrainingRun.objects.create(
        dataset=Dataset.objects.get(), recipe=quick().as_json(), state=JobState.FAILED
    )


@pytest.mark.parametrize("pk", ["0", "123", "99999999999999999999999"])
def test_a_run_that_does_not_exist_is_404(administrator_api: APIClient, pk: str) -> None:
    assert administrator_api.get(f"{RUNS}{pk}/").status_code == 404


def test_a_form_is_415(administrator_api: APIClient, ready: None) -> None:
    response = administrator_api.post(RUNS, {"dataset": "tiny"}, format="multipart")
    assert response.status_code == 415
