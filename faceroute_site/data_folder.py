"""The folder in which everything that lasts is kept: its user's alone, and no other by mistake."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import environ
from django.core.management.utils import get_random_secret_key

from vision.durable_files import replace_durably

from .environment import SettingInvalid

DATABASE = "db.sqlite3"
_SECRET_KEY = "secret_key"  # noqa: S105  # the name of its file
_LASTING = (DATABASE, _SECRET_KEY, "media", "models")
_SECRETS = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", _SECRET_KEY)
_SQLITE = b"SQLite format 3\0"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def prepare(folder: Path) -> None:
    """Make the folder where it is not there; from now on what this process writes is private.

    A folder of before is made private, with what is secret in it, if it is this user's. Raises
    SettingInvalid where it cannot be made.
    """
    os.umask(_OTHERS)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingInvalid(
            f"FACEROUTE_DATA_DIR is {str(folder)!r}, and no folder can be made there: "
            f"{error.strerror}."
        ) from error
    # A folder with the sticky bit, such as /tmp, is there for everybody.
    if not folder.stat().st_mode & stat.S_ISVTX:
        _make_private(folder)
    for name in _SECRETS:
        _make_private(folder / name)


def _make_private(path: Path) -> None:
    try:
        found = path.stat()
        if found.st_mode & _OTHERS and found.st_uid == os.getuid():
            path.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)
    except OSError:  # it is not there, or on a disk that knows no modes
        return


def own_secret_key(folder: Path) -> str:
    """A key made once for this installation. Raises SettingInvalid where it cannot be kept."""
    path = folder / _SECRET_KEY
    try:
        with _alone_in(folder):
            key = path.read_text(errors="replace") if path.exists() else ""
            if not key.strip("\0 \n"):  # a power cut leaves files that are empty, or all zeros
                key = get_random_secret_key()
                replace_durably(path, key.encode())
    except OSError as error:
        raise SettingInvalid(
            f"The secret key cannot be kept in {path}: {error.strerror}. Give the data folder to "
            "the user that runs FaceRoute and make room on its disk, or set SECRET_KEY."
        ) from error
    return key


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def ensure_nothing_lies_elsewhere(asked: str, folder: Path) -> None:
    """Refuse to begin anew beside what earlier versions put in a wrong place by mistake.

    They took `~` for the name of a folder. `asked` is what FACEROUTE_DATA_DIR says. Raises
    SettingInvalid.
    """
    if not asked.startswith("~") or _has_any(folder):
        return
    for beside in (Path.cwd(), Path(__file__).resolve().parents[1]):
        mistaken = beside / asked
        if _has_any(mistaken):
            _refuse(mistaken, folder)


def ensure_no_database_lies_elsewhere(folder: Path) -> None:
    """As above: they pasted the path into a URL, which `#`, `?`, `+` and `%` change."""
    database = folder / DATABASE
    mistaken = Path(environ.Env.db_url_config(f"sqlite:///{database}")["NAME"])
    if mistaken != database and not database.exists() and _is_database(mistaken):
        _refuse(mistaken, database)


def _has_any(folder: Path) -> bool:
    return any((folder / name).exists() for name in _LASTING)


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False


def _refuse(mistaken: Path, place: Path) -> None:
    raise SettingInvalid(
        f"An earlier version of FaceRoute has put your data in {mistaken}, by mistake; their place "
        f"is {place}, where nothing is yet. Stop FaceRoute and move them there (a database "
        "together with the files beside it that end in -wal and -shm), or move them out of the "
        "way to begin anew. Nothing was changed."
    )
