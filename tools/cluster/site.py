"""A whole site on one host, in separate folders, as if each were a machine of its own."""

import contextlib
import secrets
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import boto3
import psycopg
from redis import Redis
from redis.exceptions import RedisError

from faceroute_site import programs
from faceroute_site.address import Address
from tests.postgresql_server import USER, PostgresqlMissing, prepared
from tests.processes import Stack, free_port
from tests.tcp_proxy import TcpProxy

from .clients import ask
from .parts import Part, Programs, Store

BUCKET = "faceroute"
SECOND = "second"  # the name of the version that is activated half-way
_WEBS, _WORKERS = 2, 3
_STORE_KEYS = {
    "AWS_ACCESS_KEY_ID": "stand-in",
    "AWS_SECRET_ACCESS_KEY": "stand-in",
    "AWS_DEFAULT_REGION": "us-east-1",
}


class Lacking(Exception):
    """This machine lacks a program; the message says which and how to get it."""


@dataclass(frozen=True)
class Site:
    """`database` and the addresses in `urls` are URLs; `key` is one to the API."""

    database: str
    urls: list[str]
    key: str
    webs: list[Programs]
    workers: list[Programs]
    training: Programs
    services: list[Part]

    @property
    def parts(self) -> list[Part]:
        """In an order that ends with an inference machine, which holds photos when it fails."""
        first, *others = self.workers
        return [first, *self.services, *self.webs, self.training, *others]


@dataclass
class _Host:
    """What everything runs on, below a folder; all of it ends with `exits`."""

    folder: Path
    exits: contextlib.ExitStack
    environment: dict[str, str] = field(default_factory=dict)

    def stack(self, name: str) -> Stack:
        """A place for the programs of a machine, with a data folder of its own."""
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        stack = Stack(self.folder / name, logs=logs, **self.environment)
        return self.exits.enter_context(stack)


@contextlib.contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """A site that takes photos, with everything of it under `folder`. Raises Lacking."""
    with contextlib.ExitStack() as exits:
        host = _Host(folder, exits)
        postgresql, database = _postgresql(host)
        redis, broker = _redis(host)
        store, endpoint = _store(host)
        host.environment = {
            "SECRET_KEY": secrets.token_urlsafe(50),
            "DATABASE_URL": database,
            "REDIS_URL": broker,
            "FACEROUTE_S3_BUCKET": BUCKET,
            "FACEROUTE_S3_ENDPOINT": endpoint,
            "FACEROUTE_STATIC_DIR": str(folder / "static"),
            "FACEROUTE_PHOTOS_PER_HOUR": "100000",
            **_STORE_KEYS,
        }
        ports = [free_port() for _ in range(_WEBS)]
        webs = [_machine(host, f"web-{n}", ["web"], port) for n, port in enumerate(ports, start=1)]
        workers = [_machine(host, f"inference-{n + 1}", ["inference"]) for n in range(_WORKERS)]
        training = _machine(host, "training", ["data", "training", "beat"])
        key = _first_steps(training)
        for part in (*webs, *workers, training):
            part.start()
        for part in (*webs, *workers, training):
            part.wait_until_up()
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        yield Site(database, urls, key, webs, workers, training, [postgresql, redis, store])


def register_second_version(site: Site, folder: Path) -> None:
    """On the machine that trains, as after a training: a version of other weights."""
    _shell(
        site.training,
        "from pathlib import Path; from tools.cluster.second_version import register; "
        f"register(Path({str(folder)!r}), {SECOND!r})",
    )


def activate_second_version(site: Site) -> None:
    """As the administration does, on a machine of the web."""
    _shell(
        site.webs[0],
        "from training.models import ModelVersion; "
        "from training.registry.versions import activate_version; "
        f"activate_version(ModelVersion.objects.get(name={SECOND!r}))",
    )


def _shell(machine: Programs, script: str) -> None:
    machine.stack.manage("shell", "--no-imports", "-c", script)


def _postgresql(host: _Host) -> tuple[Programs, str]:
    port = free_port()
    try:
        command = prepared(host.folder / "postgresql", port)
    except PostgresqlMissing as missing:
        raise Lacking(str(missing)) from None
    url = f"postgres://{USER}@127.0.0.1:{port}/postgres"
    # SIGTERM would wait for every client to go; SIGINT is what Debian and the image use.
    part = Programs(
        "postgresql",
        host.stack("postgresql-server"),
        {"server": command},
        lambda _: _connects(url),
        stop_signal=signal.SIGINT,
    )
    part.start()
    part.wait_until_up()
    return part, url


def _redis(host: _Host) -> tuple[Programs, str]:
    server, port = shutil.which("redis-server"), free_port()
    if server is None:
        raise Lacking("No redis-server was found. On Debian: apt-get install redis-server")
    nothing_kept = ("--save", "", "--appendonly", "no")
    command = (server, "--port", str(port), "--bind", "127.0.0.1", *nothing_kept)
    part = Programs(
        "redis",
        host.stack("redis-server"),
        {"server": command},
        lambda _: _pings(port),
    )
    part.start()
    part.wait_until_up()
    return part, f"redis://127.0.0.1:{port}/0"


def _store(host: _Host) -> tuple[Store, str]:
    port = free_port()
    server = Programs(
        "moto",
        host.stack("moto-server"),
        {"server": (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port))},
        lambda _: ask("moto", f"http://127.0.0.1:{port}/moto-api/", {}).status == 200,
    )
    server.start()
    server.wait_until_up()
    boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id=_STORE_KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=_STORE_KEYS["AWS_SECRET_ACCESS_KEY"],
        region_name=_STORE_KEYS["AWS_DEFAULT_REGION"],
    ).create_bucket(Bucket=BUCKET)
    proxy = host.exits.enter_context(TcpProxy(port))
    return Store(proxy), f"http://127.0.0.1:{proxy.port}"


def _machine(host: _Host, name: str, kinds: Sequence[str], port: int = 0) -> Programs:
    """A machine with a data folder of its own that runs some of the site's programs."""
    address = Address("127.0.0.1", port or free_port())
    ours = {program.name: program for program in programs.site(address)}
    commands = {}
    for kind in kinds:
        # The host's name is the same for all; what workers are called must not be.
        words = [word.replace("%h", name) for word in ours[kind].command]
        settings = (f"{key}={value}" for key, value in ours[kind].environment.items())
        commands[kind] = ("env", *settings, *words)
    return Programs(name, host.stack(name), commands, partial(_serves, port))


def _serves(port: int, machine: Programs) -> bool:
    if port:
        return ask("a probe", f"http://127.0.0.1:{port}/healthz", {}).status == 200
    workers = [process for kind, process in machine.running.items() if kind != "beat"]
    return all(" ready." in worker.output() for worker in workers)


def _first_steps(machine: Programs) -> str:
    """Tables, files, the starter and an account; its key."""
    manage = machine.stack.manage
    manage("migrate", "--noinput", "--verbosity", "0")
    manage("collectstatic", "--noinput", "--verbosity", "0")
    manage("register_starter")
    machine.stack.environment["DJANGO_SUPERUSER_PASSWORD"] = secrets.token_urlsafe(20)
    manage("createsuperuser", "--noinput", "--username", "ann", "--email", "")
    return manage("create_api_key", "ann").strip()


def _connects(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.Error:
        return False
    return True


def _pings(port: int) -> bool:
    try:
        return bool(Redis(port=port, socket_timeout=2).ping())
    except RedisError:
        return False
