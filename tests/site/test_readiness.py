"""/readyz tells of every part whether it does its work, and takes no machine out for nothing."""

import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from predictions.processes import UpkeepTask, Worker
from tests.factories import ModelVersionFactory
from tests.processes import Stack
from vision.messages import Message

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


def ready(client: Client) -> tuple[int, str, dict[str, str]]:
    answer = client.get("/readyz")
    document = answer.json()
    return answer.status_code, document["status"], document["checks"]


def seen(queues: str, **columns: Any) -> Worker:
    columns = {"seen_at": timezone.now(), "machine": "here", "process": 1} | columns
    return Worker.objects.create(queues=queues, **columns)


@pytest.fixture
def site(redis: Stack) -> Stack:
    """A site that lacks nothing."""
    ModelVersionFactory.create(name="first", is_active=True)
    seen("inference", version="first")
    seen("upkeep")
    return redis


def test_where_nothing_is_wrong_every_part_is_ok(site: Stack, client: Client) -> None:
    code, status, checks = ready(client)
    assert (code, status) == (200, "ok")
    parts = {"web", "database", "migrations", "broker", "queue", "storage", "model"}
    assert checks == dict.fromkeys(parts | {"room", "workers", "beat"}, "ok")


@pytest.mark.parametrize("how", ["away", "frozen", "read-only"])
def test_without_redis_photos_are_still_taken(site: Stack, client: Client, how: str) -> None:
    assert site.redis is not None
    if how == "away":
        site.stop_redis()
    elif how == "frozen":
        site.redis.signal_group(signal.SIGSTOP)
    else:
        site.redis_client().replicaof("127.0.0.1", "1")
    code, status, checks = ready(client)
    assert (code, status) == (200, "degraded")
    assert checks["broker"] == checks["queue"] != "ok"
    assert "Photos are served all the same" in checks["broker"]
    if how == "frozen":
        site.redis.signal_group(signal.SIGCONT)


def test_a_worker_that_fell_silent_is_told(site: Stack, client: Client) -> None:
    Worker.objects.update(seen_at=timezone.now() - timedelta(seconds=30))
    code, status, checks = ready(client)
    assert (code, status) == (200, "degraded")
    assert checks["workers"].startswith("No inference worker is there.")
    assert checks["beat"].startswith("No scheduler is there.")


def test_workers_that_cannot_load_the_model_say_so(site: Stack, client: Client) -> None:
    why = Message("model_missing.folder", {"name": "first"})
    problem = Message("version_not_loaded", {"name": "first", "reason": why})
    Worker.objects.filter(queues="inference").update(version="", problem=problem.as_json())
    status, checks = ready(client)[1:]
    assert status == "degraded"
    assert (
        checks["workers"]
        == checks["model"]
        == ("Model version “first” cannot be loaded: There is no model in the folder “first”.")
    )
    seen("inference", version="first")  # another one can
    code, status, checks = ready(client)
    assert (code, status, checks["workers"]) == (200, "degraded", "ok")
    assert checks["model"].startswith("Model version “first” cannot be loaded")


def test_a_version_that_serves_instead_is_told(site: Stack, client: Client) -> None:
    why = Message("model_missing.folder", {"name": "first"})
    problem = Message("other_version_serves", {"name": "first", "instead": "old", "reason": why})
    Worker.objects.filter(queues="inference").update(version="old", problem=problem.as_json())
    code, status, checks = ready(client)
    assert (code, status, checks["workers"]) == (200, "degraded", "ok")
    assert checks["model"] == (
        "Model version “first” cannot be loaded, so “old” serves instead: "
        "There is no model in the folder “first”."
    )


def test_upkeep_that_is_not_done_is_told(site: Stack, client: Client) -> None:
    UpkeepTask.objects.create(name="expire", due_at=timezone.now() - timedelta(hours=1))
    status, checks = ready(client)[1:]
    assert status == "degraded"
    assert checks["beat"].startswith("Deleting expired photos has been overdue since ")


def test_without_a_model_or_a_storage_the_site_is_not_ready(
    site: Stack, client: Client, settings: Any, tmp_path: Path
) -> None:
    ModelVersionFactory._meta.model.objects.update(is_active=False)
    (tmp_path / "full").write_text("no folder")
    settings.MEDIA_ROOT = tmp_path / "full"
    code, status, checks = ready(client)
    assert (code, status) == (503, "unavailable")
    assert "register_starter" in checks["model"]
    assert checks["storage"].startswith("Photos cannot be stored")


def test_the_metrics_name_every_process(site: Stack, client: Client) -> None:
    text = client.get("/metrics").content.decode()
    labels = '{machine="here",process="1",queues="inference",version="first"}'
    assert f"faceroute_worker_photos_a_minute{labels} 0.0" in text
    assert f"faceroute_worker_silent_seconds{labels}" in text
