"""What real processes need: static files, a migrated SQLite file, a real PostgreSQL."""

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.postgresql_server import USER, PostgresqlMissing, prepared
from tests.processes import Stack, free_port, wait_until


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
    folder, port = Path(f"/tmp/faceroute-pg-{uuid.uuid4().hex[:8]}"), free_port()  # noqa: S108
    try:
        command = prepared(folder, port)
    except PostgresqlMissing as missing:
        pytest.skip(str(missing))
    logs = tmp_path_factory.mktemp("postgresql")
    with Stack(logs / "unused", logs=logs) as stack:
        server = stack.start("postgres", *command)
        wait_until(lambda: "ready to accept" in server.output(), "PostgreSQL accepts", server)
        yield f"postgres://{USER}@127.0.0.1:{port}"
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
