"""The administration leads on: from empty lists, before a training is asked for, while it stops."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

import faceroute_site.urls  # noqa: F401, which discovers the administration
from tests.factories import DatasetFactory, ModelVersionFactory, SampleFactory
from tests.training.training_runs import training_run
from training.models import Dataset, JobState, TrainingRun
from vision.training.head_recipes import FULL

pytestmark = pytest.mark.django_db

PREVIEW = "/admin/training/trainingrun/train/preview/"


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.fixture
def dataset() -> Dataset:
    cache.clear()
    made: Dataset = DatasetFactory.create(name="faces")
    for n in range(40):
        SampleFactory.create(dataset=made, race=n % 3, gender=n % 2, age=20 + n)
    return made


@pytest.mark.parametrize(
    ("page", "step"),
    [
        ("dataset/", "/admin/training/dataset/import/"),
        ("sample/", "/admin/training/dataset/import/"),
        ("importrun/", "/admin/training/dataset/import/"),
        ("trainingrun/", "/admin/training/trainingrun/train/"),
    ],
)
def test_an_empty_list_leads_to_the_next_step(boss: Client, page: str, step: str) -> None:
    text = boss.get(f"/admin/training/{page}").content.decode()
    assert "Nothing here yet" in text
    assert step in text.split("Nothing here yet")[1]


def test_a_dataset_s_name_leads_to_its_charts(boss: Client, dataset: Dataset) -> None:
    page = boss.get("/admin/training/dataset/").content.decode()
    assert f'<a class="underline" href="/admin/training/dataset/{dataset.pk}/charts/">faces' in page


def test_without_images_the_training_page_says_where_to_get_some(boss: Client) -> None:
    page = boss.get("/admin/training/trainingrun/train/").content.decode()
    assert "There are no images to train on yet." in page
    assert 'name="recipe"' not in page


def asked(dataset: Dataset, **changed: Any) -> dict[str, Any]:
    return {"dataset": dataset.pk, "recipe": "full", "heads": ["age", "gender", "race"], **changed}


def test_what_will_happen_is_told_before_the_click(boss: Client, dataset: Dataset) -> None:
    form = asked(dataset)
    assert "no version is active" in boss.get(PREVIEW, form).content.decode()
    ModelVersionFactory.create(name="v7", is_active=True, manifest={"input_size": 96})
    told = boss.get(PREVIEW, form)
    images = told.context["preview"].images
    assert sum(images.values()) == 40
    page = told.content.decode()
    assert f"{images['train']} to train on" in page
    assert "v7" in page
    assert "v7, which is active" in page
    assert "on two cores with bfloat16 (estimated from measured parts)" in page
    gpu = boss.get(PREVIEW, {**form, "recipe": "starter-gpu"}).content.decode()
    assert "Random weights" in gpu
    assert "Not known: no run of this recipe has finished here yet" in gpu
    assert not TrainingRun.objects.exists()


def test_the_time_is_that_of_earlier_runs_by_the_number_of_images(
    boss: Client, dataset: Dataset
) -> None:
    active = ModelVersionFactory.create(is_active=True, manifest={"input_size": 96})
    plain: dict[str, Any] = {"dataset": dataset, "recipe": FULL.as_json()}
    told = boss.get(PREVIEW, asked(dataset)).context["preview"]
    images = told.images["train"]
    made = ModelVersionFactory.create(manifest={"data": {"counts": {"train": 2 * images}}})
    start = timezone.now() - timedelta(days=1)
    end = start + timedelta(hours=1)
    training_run(JobState.DONE, **plain, version=made, started_at=start, finished_at=end)
    page = boss.get(PREVIEW, asked(dataset)).content.decode()
    assert "About 30 minutes" in page
    assert active.name in page


def test_every_recipe_says_what_it_is_for_and_how_long_it_takes(
    boss: Client, dataset: Dataset
) -> None:
    ModelVersionFactory.create(name="v7", is_active=True, manifest={"input_size": 96})
    made = ModelVersionFactory.create(manifest={"data": {"counts": {"train": 2000}}})
    start = timezone.now() - timedelta(days=1)
    training_run(
        JobState.DONE,
        dataset=dataset,
        recipe=FULL.as_json(),
        version=made,
        started_at=start,
        finished_at=start + timedelta(minutes=12),
    )
    page = boss.get("/admin/training/trainingrun/train/").content.decode()
    assert "Took 12 minutes here, on 2,000 images." in page
    assert "about 7 minutes for 8,101 images on two cores (estimated from measured parts)." in page
    assert "starter-gpu – the same with many more epochs, for a worker with a GPU" in page
    assert "Default: v7, or random weights" in page


def test_a_select_without_anything_to_choose_says_so(
    boss: Client, settings: Any, tmp_path: Path
) -> None:
    settings.IMPORT_ROOT = tmp_path
    page = boss.get("/admin/training/dataset/import/").content.decode()
    assert "Nothing is there yet" in page
    (tmp_path / "faces").mkdir()
    page = boss.get("/admin/training/dataset/import/").content.decode()
    assert "Choose a folder or file" in page


def test_a_form_that_is_not_filled_in_is_told_so(boss: Client, dataset: Dataset) -> None:
    assert "Please fill in the form" in boss.get(PREVIEW, {"dataset": dataset.pk}).content.decode()


def test_a_run_that_is_to_stop_says_so_at_once(boss: Client) -> None:
    run = training_run()
    address = f"/admin/training/trainingrun/{run.pk}/change/"
    page = boss.get(address).content.decode()
    assert 'data-confirm="Stop this run?' in page
    assert "Stop" in page.split('id="cancel-run"')[1].split("</button>")[0]
    page = boss.post(address, {"cancel": "1"}, follow=True).content.decode()
    assert "Stopping…" in page
    assert 'id="cancel-run"' not in page


def test_a_run_that_waits_says_so_only_as_long_as_it_waits(boss: Client) -> None:
    run = training_run(JobState.QUEUED)
    address = f"/admin/training/trainingrun/{run.pk}/change/"
    words = "It begins as soon as a worker is free."
    assert words in boss.get(address).content.decode()
    TrainingRun.objects.filter(pk=run.pk).update(state=JobState.DONE)
    assert words not in boss.get(address).content.decode()


def test_the_time_left_does_not_grow_within_a_phase(
    boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)  # however long the pages take
    run = training_run(phase_started_at=now - timedelta(seconds=100))
    progress = f"/admin/training/trainingrun/{run.pk}/progress/"
    assert boss.get(progress).context["left"] == "5:00"
    assert boss.get(progress, {"left": "age:120"}).context["left"] == "2:00"
    assert boss.get(progress, {"left": "age:900"}).context["left"] == "5:00"
    assert boss.get(progress, {"left": "gender:1"}).context["left"] == "5:00"
    assert boss.get(progress, {"left": "age:x"}).context["left"] == "5:00"


@pytest.mark.parametrize("page", ["modelversion", "trainingrun"])
def test_lists_say_that_figures_are_of_different_test_images(boss: Client, page: str) -> None:
    version = ModelVersionFactory.create(manifest={"metrics": {"age_mae": 4.64134, "n": 1127}})
    training_run(JobState.DONE, version=version)
    text = boss.get(f"/admin/training/{page}/").content.decode()
    assert "The figures of each version are of its own test images" in text
    assert "4.64" in text
    assert "4.641" not in text


def test_the_list_names_the_test_of_each_version(boss: Client) -> None:
    def groups(*races: str) -> list[dict[str, Any]]:
        return [{"race": race, "gender": "male", "age": "20-29", "n": 40} for race in races]

    all_races = groups("white", "black", "asian", "indian", "others")
    same: dict[str, Any] = {
        "data": {"dataset": "UTKFace", "fingerprint": "ab"},
        "metrics": {"n": 1127, "race_accuracy": 0.841, "groups": all_races},
    }
    ModelVersionFactory.create(name="serving", is_active=True, manifest=same)
    ModelVersionFactory.create(name="alike", manifest=same)
    few = {"n": 60, "race_accuracy": 0.927, "groups": groups("white", "black", "asian")}
    elsewhere = {"data": {"dataset": "mini", "fingerprint": "cd"}, "metrics": few}
    ModelVersionFactory.create(name="elsewhere", manifest=elsewhere)
    anew = same | {"calibration": {"of": "alike", "dataset": "fresh", "fingerprint": "ef"}}
    ModelVersionFactory.create(name="calibrated anew", manifest=anew)
    page = boss.get("/admin/training/modelversion/").content.decode()
    assert page.count("1,127 · UTKFace") == 2
    assert "1,127 · UTKFace;" not in page
    assert "60 · mini; not those of serving; 3 of 5 races" in page
    assert "1,127 · fresh; not those of serving" in page


def test_a_version_s_page_says_where_the_one_in_use_was_tested_on_other_images(
    boss: Client,
) -> None:
    data = {"data": {"fingerprint": "f"}, "metrics": {"n": 10, "age_mae": 5.0}}
    ModelVersionFactory.create(name="serving", is_active=True, manifest=data)
    same = ModelVersionFactory.create(manifest=data)
    other = ModelVersionFactory.create(manifest={**data, "data": {"fingerprint": "g"}})
    words = "“serving” was tested on other images"
    for version, told in ((same, False), (other, True)):
        page = boss.get(f"/admin/training/modelversion/{version.pk}/change/").content.decode()
        assert (words in page) is told
