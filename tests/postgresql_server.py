"""A PostgreSQL server of a test's own, by the programs of Debian's package or on PATH."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

USER = "faceroute"
MISSING = "No PostgreSQL server was found. On Debian: apt-get install postgresql"


class PostgresqlMissing(Exception):
    """There is no server to run."""


def prepared(folder: Path, port: int) -> list[str]:
    """Make an empty server in a new folder; the command that runs it at a port of the loopback
    interface, without passwords. Raises PostgresqlMissing.
    """
    initdb, postgres = _program("initdb"), _program("postgres")
    folder.mkdir(mode=0o700)
    if os.getuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    data = str(folder / "data")
    init = [initdb, "-D", data, "-U", USER, "--auth=trust", "-N", "-E", "UTF8"]
    subprocess.run(_as_it_allows(init), cwd="/", check=True, stdout=subprocess.DEVNULL)
    options = ["-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-F"]
    return _as_it_allows([postgres, "-D", data, *options])


def _program(name: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    program = str(found[-1]) if found else shutil.which(name)
    if not program:
        raise PostgresqlMissing(MISSING)
    return program


def _as_it_allows(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root; there the user its package made runs it."""
    if os.getuid() != 0:
        return command
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--", *command]
