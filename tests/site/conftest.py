"""What real processes need: static files, a migrated SQLite file, a real PostgreSQL."""

import os
import pwd
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.processes import Stack, free_port, wait_until

_USER = "faceroute"


@pytest.fixture(scope="session")
def static_files(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of collected static files."""
    folder = tmp_path_factory.mktemp("static")
    with Stack(folder / "data", logs=folder, FACEROUTE_STATIC_DIR=str(folder)) as once:
        once.manage("collectstatic", "--noinput", "--verbosity", "0")
    return str(folder)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with every table and no row, to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    with Stack(folder / "data", logs=folder) as once:
        once.manage("migrate", "--verbosity", "0")
    return once.data_dir / "db.sqlite3"


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server, without the name of a database."""
    initdb, postgres = _program("initdb"), _program("postgres")
    folder = Path(f"/tmp/faceroute-pg-{uuid.uuid4().hex[:8]}")  # noqa: S108
    folder.mkdir(mode=0o700)
    if os.getuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    data = str(folder / "data")
    init = [initdb, "-D", data, "-U", _USER, "--auth=trust", "-N", "-E", "UTF8"]
    subprocess.run(_as_it_allows(init), cwd="/", check=True, stdout=subprocess.DEVNULL)
    port = free_port()
    options = ["-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-F"]
    logs = tmp_path_factory.mktemp("postgresql")
    with Stack(logs / "unused", logs=logs) as stack:
        server = stack.start("postgres", *_as_it_allows([postgres, "-D", data, *options]))
        wait_until(lambda: "ready to accept" in server.output(), "PostgreSQL accepts", server)
        yield f"postgres://{_USER}@127.0.0.1:{port}"
        server.stop()  # killed, it would leave its shared memory behind
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def new_database(postgresql: str) -> Callable[[], str]:
    """Makes an empty database; its URL."""

    def make() -> str:
        name = f"faceroute_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(f"{postgresql}/postgres", autocommit=True) as server:
            server.execute(f'CREATE DATABASE "{name}"')
        return f"{postgresql}/{name}"

    return make


@pytest.fixture
def database(new_database: Callable[[], str]) -> str:
    """The URL of an empty database."""
    return new_database()


def _program(name: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    program = str(found[-1]) if found else shutil.which(name)
    if not program:
        pytest.skip("No PostgreSQL server was found. On Debian: apt-get install postgresql")
    return program


def _as_it_allows(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root; there the user its package made runs it."""
    if os.getuid() != 0:
        return command
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--", *command]
