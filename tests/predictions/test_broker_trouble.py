"""Whatever state Redis is in, a worker with nothing to do takes a photo up within 3 seconds."""

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from knox.models import AuthToken
from redis import Redis

from faceroute_site import embedded_redis
from predictions.models import Prediction, Status
from tests.factories import ModelVersionFactory
from tests.predictions.arrivals import Arrivals, send_many, watched
from tests.processes import Process, Stack, children, free_port, wait_until
from tests.tcp_proxy import TcpProxy, Trouble

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

LIMIT = 3.0  # seconds
TROUBLES = [trouble for trouble in Trouble if trouble != Trouble.NONE]


@dataclass
class Site:
    """A web and a worker that reach their Redis by a proxy."""

    stack: Stack
    proxy: TcpProxy
    redis: "Redis"
    worker: Process
    url: str
    key: str
    photo: bytes

    def send(self, arrivals: Arrivals, count: int = 60) -> None:
        send_many(arrivals, self.url, self.key, self.photo, count=count)


@pytest.fixture
def site(stack: Stack, user: User, faceless_bytes: bytes, tmp_path: Path) -> Iterator[Site]:
    port = free_port()
    options = ("--port", str(port), "--save", "", "--dir", str(tmp_path))
    server = stack.start("redis", embedded_redis.executable(), *options)
    redis = Redis(port=port)
    wait_until(lambda: "Ready to accept" in server.output(), "Redis accepts", server)
    ModelVersionFactory.create(is_active=True)
    _, key = AuthToken.objects.create(user)
    with TcpProxy(port) as proxy:
        stack.environment["REDIS_URL"] = f"redis://127.0.0.1:{proxy.port}/0"
        _, url = stack.start_web()
        worker = stack.start_worker(app="tests.predictions.fast_app")
        yield Site(stack, proxy, redis, worker, url, key, faceless_bytes)
        proxy.trouble = Trouble.NONE


def all_done() -> bool:
    return not Prediction.objects.exclude(status=Status.DONE).exists()


@pytest.mark.parametrize("trouble", TROUBLES)
def test_photos_do_not_wait_for_a_redis_in_trouble(site: Site, trouble: Trouble) -> None:
    children_before = children(site.worker.pid)
    with watched() as arrivals:
        site.send(arrivals, 4)
        wait_until(all_done, "the first photos are done", site.worker)
        site.proxy.trouble = trouble
        began = time.monotonic()
        site.send(arrivals)
        wait_until(arrivals.are_claimed, "all photos are claimed", site.worker)
        wait_until(lambda: time.monotonic() > began + 3, "the trouble has lasted for 3 s")
        site.proxy.trouble = Trouble.NONE
        site.send(arrivals, 4)
        wait_until(arrivals.are_claimed, "the last photos are claimed", site.worker)
    assert max(arrivals.waits) < LIMIT
    assert max(arrivals.uploads) < LIMIT
    wait_until(all_done, "all photos are done", site.worker)
    assert children(site.worker.pid) == children_before


def read_only(redis: "Redis") -> None:
    redis.replicaof("127.0.0.1", str(free_port()))


def emptied(redis: "Redis") -> None:
    redis.flushall()


def full(redis: "Redis") -> None:
    redis.config_set("maxmemory", 1)


@pytest.mark.parametrize("spoil", [read_only, emptied, full])
def test_photos_do_not_wait_for_a_redis_that_takes_or_keeps_nothing(
    site: Site, spoil: Callable[["Redis"], None]
) -> None:
    children_before = children(site.worker.pid)
    spoil(site.redis)
    with watched() as arrivals:
        for _ in range(3):
            site.send(arrivals, 8)
            time.sleep(1)
        wait_until(arrivals.are_claimed, "all photos are claimed", site.worker)
    assert max(arrivals.waits) < LIMIT
    assert max(arrivals.uploads) < LIMIT
    assert site.worker.popen.poll() is None
    assert children(site.worker.pid) == children_before


def test_messages_are_few_and_none_is_left(site: Site) -> None:
    site.worker.signal_group(signal.SIGSTOP)
    with watched() as arrivals:
        site.send(arrivals)
    assert site.redis.llen("inference") <= 1
    site.worker.signal_group(signal.SIGCONT)
    wait_until(all_done, "all photos are done", site.worker)
    wait_until(lambda: site.redis.llen("inference") == 0, "the message is answered", site.worker)


@pytest.mark.parametrize("trouble", [Trouble.FROZEN, Trouble.HALF_OPEN])
def test_after_the_trouble_the_worker_hears_of_messages_again(site: Site, trouble: Trouble) -> None:
    site.proxy.trouble = trouble
    time.sleep(10)
    site.proxy.trouble = Trouble.NONE

    def answers() -> bool:
        ping = site.stack.start("ping", *site.stack.celery_command(), "inspect", "ping", "-t", "3")
        return ping.popen.wait(30) == 0

    wait_until(answers, "the worker answers a message", site.worker)


@pytest.mark.parametrize("trouble", [Trouble.FROZEN, Trouble.REFUSED])
def test_a_worker_stops_in_time_while_redis_is_away(site: Site, trouble: Trouble) -> None:
    site.proxy.trouble = trouble
    time.sleep(3)
    with watched() as arrivals:
        site.send(arrivals, 16)
    site.worker.popen.terminate()
    assert site.worker.popen.wait(15) == 0
    assert not Prediction.objects.filter(status=Status.RUNNING).exists()
