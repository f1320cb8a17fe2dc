"""The administration's first page says who serves, what is under way and what waits."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from predictions.corrections import correct
from predictions.processes import Worker
from tests.factories import FaceFactory, ModelVersionFactory, PredictionFactory
from tests.training.training_runs import training_run
from training.models import JobState
from vision.messages import Message

pytestmark = pytest.mark.django_db


def test_an_administrator_sees_the_state_of_the_site(client: Client) -> None:
    client.force_login(User.objects.create_superuser("boss"))
    empty = client.get("/admin/").content.decode()
    assert "No model is active" in empty
    assert "No training, import or search" in empty

    ModelVersionFactory.create(name="version-7", is_active=True)
    run = training_run(JobState.RUNNING, done=25, total=100)
    training_run(JobState.DONE)
    PredictionFactory.create_batch(3)
    correct(FaceFactory.create(), {"age": 30}, consents=True)
    page = client.get("/admin/")
    assert page.context["waiting"] == "3"
    assert page.context["to_review"] == "1"
    assert [entry["run"] for entry in page.context["open_jobs"]] == [run]
    text = page.content.decode()
    assert "version-7" in text
    assert f"/admin/training/trainingrun/{run.pk}/change/" in text
    assert "25%" in text


def test_an_administrator_sees_which_version_serves_instead_and_why(client: Client) -> None:
    client.force_login(User.objects.create_superuser("boss"))
    ModelVersionFactory.create(name="new", is_active=True)
    why = Message("model_missing.folder", {"name": "new"})
    problem = Message("other_version_serves", {"name": "new", "instead": "old", "reason": why})
    worker = {"queues": "inference", "version": "old", "seen_at": timezone.now()}
    for process in (1, 2):
        Worker.objects.create(process=process, problem=problem.as_json(), **worker)
    page = client.get("/admin/")
    sentence = "Model version “new” cannot be loaded, so “old” serves instead: There is no model"
    assert [told.startswith(sentence) for told in page.context["model_problems"]] == [True]
    text = page.content.decode()
    assert f"<strong>{sentence}" in text
    assert "Restore its files from a backup, or activate another version." in text
    Worker.objects.update(problem=None)
    assert "serves instead" not in client.get("/admin/").content.decode()


def test_staff_sees_only_what_it_may_see(client: Client) -> None:
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    ModelVersionFactory.create(name="version-7", is_active=True)
    assert "version-7" not in client.get("/admin/").content.decode()


def test_an_administrator_sees_who_works_and_who_fell_silent(client: Client) -> None:
    client.force_login(User.objects.create_superuser("boss"))
    assert (
        "No worker is processing photos, so they are waiting."
        in client.get("/admin/").content.decode()
    )

    now = timezone.now()
    there = {"queues": "inference", "process": 1, "seen_at": now}
    Worker.objects.create(machine="tall", version="starter", photos_a_minute=17, **there)
    Worker.objects.create(machine="small", problem=Message("nothing_active").as_json(), **there)
    Worker.objects.create(machine="tall", **{**there, "queues": "training"})
    Worker.objects.create(machine="lost", **{**there, "seen_at": now - timedelta(seconds=30)})
    text = client.get("/admin/").content.decode()
    assert "No worker is processing photos" not in text
    assert "tall · inference · starter · 17 photos a minute" in text
    assert "<p>tall · training</p>" in text
    assert "No model version is active." in text
    assert "lost · inference · <strong>silent since" in text
