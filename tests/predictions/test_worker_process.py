"""Real workers on a real queue: whatever dies, every photo is estimated, and once only."""

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings as site_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client
from PIL import Image
from redis import Redis

from faceroute_site import embedded_redis
from predictions.access import Owner
from predictions.models import Face, Prediction, Status
from predictions.processes import Worker
from predictions.uploads import accept_photo, delete_prediction
from tests.processes import (
    Process,
    Stack,
    children,
    group_is_gone,
    maps_tensorflow,
    wait_until,
)
from training.models import ModelVersion
from training.registry.versions import register_bundle

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


@pytest.fixture
def site(redis: Stack) -> Stack:
    """A site with the starter model and a queue, quick to notice what is lost."""
    redis.environment.update(FACEROUTE_LEASE_SECONDS="3")
    register_bundle(site_settings.STARTER_BUNDLE, "starter", activate=True)
    return redis


@pytest.fixture(scope="session")
def small_portrait(photo_bytes: bytes) -> bytes:
    return jpeg(Image.open(io.BytesIO(photo_bytes)).resize((256, 256)))


def jpeg(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "JPEG")
    return data.getvalue()


def send(owner: Owner, photo: bytes, count: int = 1) -> list[Prediction]:
    return [accept_photo(owner, SimpleUploadedFile("me.jpg", photo)) for _ in range(count)]


def count(status: str) -> int:
    return Prediction.objects.filter(status=status).count()


def wait_for_all(worker: Process) -> None:
    open_work = Prediction.objects.filter(status__in=[Status.QUEUED, Status.RUNNING])
    try:
        wait_until(lambda: not open_work.exists(), "no work is left", worker)
    except AssertionError as error:
        error.add_note(str(list(open_work.values("status", "attempts", "lease_expires_at"))))
        raise


def corrupt(version: ModelVersion) -> None:
    """Damage its files, as a disk that fails does."""
    weights = site_settings.MODEL_ROOT / version.bundle / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


def test_many_photos_survive_a_killed_worker(
    site: Stack, owner: Owner, small_portrait: bytes
) -> None:
    send(owner, small_portrait, 120)
    first = site.start_worker()
    wait_until(
        lambda: count("done") >= 10 and count("running") > 0, "the worker is in the middle", first
    )
    first.kill()
    assert count("done") < 120

    wait_for_all(site.start_worker())
    assert count("done") == 120
    assert Face.objects.count() == 120
    assert not Prediction.objects.exclude(faces__index=0).exists()


def test_an_emptied_queue_loses_nothing(site: Stack, owner: Owner, small_portrait: bytes) -> None:
    queue = Redis(unix_socket_path=str(embedded_redis.socket_path(site.data_dir)))
    send(owner, small_portrait, 20)
    queue.flushall()
    worker = site.start_worker()
    wait_for_all(worker)
    assert count("done") == 20

    send(owner, small_portrait, 10)
    queue.flushall()
    send(owner, small_portrait, 2)
    wait_for_all(worker)
    assert count("done") == 32


def test_photos_are_served_while_there_is_no_queue(
    site: Stack, owner: Owner, small_portrait: bytes
) -> None:
    site.stop_redis()
    worker = site.start("worker", *site.worker_command())
    send(owner, small_portrait, 3)
    wait_for_all(worker)
    assert count("done") == 3


def test_a_newly_activated_model_reaches_a_running_worker(
    site: Stack, owner: Owner, small_portrait: bytes
) -> None:
    worker = site.start_worker()
    [before] = send(owner, small_portrait)
    wait_for_all(worker)
    second = register_bundle(site_settings.STARTER_BUNDLE, "second", activate=True)
    [after] = send(owner, small_portrait)
    wait_for_all(worker)

    before.refresh_from_db()
    after.refresh_from_db()
    assert before.model_version != second
    assert after.model_version == second


def test_a_corrupted_new_model_leaves_the_old_one_in_service(
    site: Stack, owner: Owner, small_portrait: bytes
) -> None:
    worker = site.start_worker()
    send(owner, small_portrait)
    wait_for_all(worker)
    second = register_bundle(site_settings.STARTER_BUNDLE, "second")
    corrupt(second)
    with transaction.atomic():  # `activate_version` would see it; this is a disk that fails later
        ModelVersion.objects.update(is_active=False)
        ModelVersion.objects.filter(pk=second.pk).update(is_active=True)
    [prediction] = send(owner, small_portrait)
    wait_for_all(worker)

    prediction.refresh_from_db()
    assert prediction.model_version is not None
    assert prediction.model_version.name == "starter"
    assert "“second” cannot be loaded" in worker.output()


def test_a_new_worker_serves_the_version_before_one_that_is_corrupt(
    site: Stack, owner: Owner, small_portrait: bytes, client: Client
) -> None:
    corrupt(register_bundle(site_settings.STARTER_BUNDLE, "second", activate=True))
    worker = site.start_worker()
    [prediction] = send(owner, small_portrait)
    wait_for_all(worker)
    prediction.refresh_from_db()
    assert prediction.model_version is not None
    assert prediction.model_version.name == "starter"

    told = Worker.objects.filter(version="starter", problem__code="other_version_serves")
    wait_until(told.exists, "the worker says how it is", worker)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["checks"]["workers"] == "ok"
    assert answer.json()["checks"]["model"].startswith(
        "Model version “second” cannot be loaded, so “starter” serves instead: "
    )

    third = register_bundle(site_settings.STARTER_BUNDLE, "third", activate=True)
    [after] = send(owner, small_portrait)
    wait_for_all(worker)
    after.refresh_from_db()
    assert after.model_version == third


def test_photos_wait_for_a_model(redis: Stack, owner: Owner, small_portrait: bytes) -> None:
    worker = redis.start_worker()
    send(owner, small_portrait)
    wait_until(lambda: "No model version is active" in worker.output(), "the log says so", worker)
    said = Worker.objects.filter(problem={"code": "nothing_active", "parameters": {}})
    wait_until(said.exists, "the worker says how it is", worker)
    assert count("queued") == 1
    register_bundle(site_settings.STARTER_BUNDLE, "starter", activate=True)
    wait_for_all(worker)
    assert count("done") == 1


@pytest.mark.parametrize("width", [pytest.param(13, id="crashes"), pytest.param(14, id="hangs")])
def test_a_poisonous_photo_fails_after_two_deaths_and_its_neighbours_finish(
    site: Stack, owner: Owner, small_portrait: bytes, width: int
) -> None:
    worker = site.start_worker(app="tests.predictions.poisoned_app")
    # Whose process dies before that ends, and whoever runs the site starts it again.
    wait_until(lambda: " ready." in worker.output(), "the worker is ready", worker)
    send(owner, small_portrait, 3)
    [poison] = send(owner, jpeg(Image.new("RGB", (width, width))))
    send(owner, small_portrait, 3)
    wait_for_all(worker)

    poison.refresh_from_db()
    assert (poison.status, poison.failure_code, poison.attempts) == ("failed", "worker_lost", 2)
    assert count("done") == 6


def test_photos_deleted_while_they_wait_or_run_disturb_no_other(
    site: Stack, owner: Owner, small_portrait: bytes
) -> None:
    predictions = send(owner, small_portrait, 24)
    worker = site.start_worker()
    wait_until(lambda: count("done") >= 4, "the worker is in the middle", worker)
    for prediction in predictions[1::2]:
        delete_prediction(prediction)
    wait_for_all(worker)
    assert count("done") == 12
    assert Face.objects.count() == 12


def test_two_workers_share_the_work(site: Stack, owner: Owner, small_portrait: bytes) -> None:
    workers = [site.start_worker("-n", f"{name}@%h") for name in ("one", "two")]
    send(owner, small_portrait, 40)
    wait_for_all(workers[0])
    assert count("done") == Face.objects.count() == 40
    assert set(Prediction.objects.values_list("attempts", flat=True)) == {1}


def test_twenty_senders_at_once_never_meet_a_locked_database(site: Stack, owner: Owner) -> None:
    blank = jpeg(Image.new("RGB", (64, 64), "salmon"))

    def send_ten(_: int) -> None:
        try:
            send(owner, blank, 10)
        finally:
            connection.close()

    worker = site.start_worker()
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(send_ten, range(20)))
    wait_for_all(worker)
    assert count("done") == 200
    assert "locked" not in worker.output()


def test_no_process_of_a_site_on_a_cpu_loads_tensorflow(
    site: Stack, owner: Owner, small_portrait: bytes
) -> None:
    beat = site.start_beat()
    web, _ = site.start_web()
    trainer = site.start_worker("-n", "training@%h", queues="training")
    worker = site.start_worker()
    send(owner, small_portrait)
    wait_for_all(worker)
    every = [pid for one in (beat, web, trainer, worker) for pid in (one.pid, *children(one.pid))]
    assert not any(maps_tensorflow(pid) for pid in every)


def test_only_the_process_that_estimates_loads_tensorflow_where_that_is_chosen(
    site: Stack, owner: Owner, small_portrait: bytes
) -> None:
    site.environment.update(FACEROUTE_ENGINE="tensorflow")
    worker = site.start_worker()
    send(owner, small_portrait)
    wait_for_all(worker)
    [child] = children(worker.pid)
    assert maps_tensorflow(child)
    assert not maps_tensorflow(worker.pid)


def test_workers_say_what_they_serve_until_they_stop(site: Stack) -> None:
    worker = site.start_worker()
    site.start_worker("-n", "training@%h", queues="training")
    served = Worker.objects.order_by("queues").values_list("queues", "version")
    wanted = [("inference", "starter"), ("training", "")]
    wait_until(lambda: list(served.all()) == wanted, "both say what they serve", worker)
    worker.stop()
    assert list(served.all()) == wanted[1:]


@pytest.mark.parametrize("how", ["stopped", "killed without its child"])
def test_a_worker_leaves_no_orphan(
    site: Stack, owner: Owner, small_portrait: bytes, how: str
) -> None:
    send(owner, small_portrait, 60)
    worker = site.start_worker()
    wait_until(lambda: count("done") > 0, "the worker works", worker)
    if how == "stopped":
        worker.popen.terminate()
    else:
        worker.popen.kill()
    worker.popen.wait(20)
    wait_until(lambda: group_is_gone(worker.pid), "every process of the worker is gone")
    assert how != "stopped" or count("running") == 0
