"""Bringing a backup back into a place where there is nothing: verified first, then all of it.

Everything is extracted to folders named `restore.unfinished`, on the disks where it is to lie. When
every checksum is right, the file `verified` says so and the rest is renaming, the database last;
from there on a restore that was killed is finished by another.
"""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import connection

from faceroute_site.instance_lock import AlreadyRunning, instance_lock
from faceroute_site.readiness import PROBE
from training import shared_files
from training.shared_files import are_elsewhere
from vision.diskspace import free_bytes, in_words
from vision.durable_files import sync_folder, write_durably

from . import files
from .about import applied, check_usable
from .archive import (
    DATABASE,
    DATASETS,
    MEDIA,
    MISSING,
    MODELS,
    SECRET_KEY,
    BackupError,
    extract,
    read_about,
)
from .snapshots import OnProgress, engine

UNFINISHED = "restore.unfinished"
VERIFIED = "verified"


@dataclass
class Restored:
    """What was brought back; `missing`: files that were gone when the backup was made, and
    `left_out`: tables that FaceRoute knows nothing of."""

    about: dict[str, Any]
    missing: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def restore(path: Path, on_progress: OnProgress) -> Restored:
    """Make this site what a backup was, or change nothing. Raises BackupError and DiskFull."""
    about = read_about(path)
    check_usable(about, connection.vendor)
    try:
        with instance_lock(settings.DATA_DIR):
            if not _is_verified(about):
                _check_nothing_is_there(media=about["media"])
                _check_room(path)
                _extract(path, about, on_progress)
            return _publish(about, on_progress)
    except AlreadyRunning as error:
        raise BackupError(str(error)) from error


def is_cut_off() -> bool:
    """Whether a restore has begun to show what it brings, and has not come to its end."""
    return (_work() / VERIFIED).exists()


def _is_verified(about: dict[str, Any]) -> bool:
    if not is_cut_off():
        return False
    if (_work() / VERIFIED).read_text() != about["id"]:
        raise BackupError(
            "A restore of another archive was cut off here. Please finish that first, by running "
            "it again, or use an empty data folder."
        )
    return True


def _check_nothing_is_there(*, media: bool) -> None:
    tables = connection.introspection.table_names()
    connection.close()
    if tables:
        raise BackupError(
            "The database is not empty. A backup is restored into an empty one; please set "
            "DATABASE_URL, or FACEROUTE_DATA_DIR, to a new place."
        )
    for name, folder in files.folders().items():
        if (media or name != MEDIA) and {path.name for path in folder.glob("*")} - {UNFINISHED}:
            raise BackupError(
                f"There are files in {folder}. A backup is restored into an empty data folder; "
                "please set FACEROUTE_DATA_DIR to a new one."
            )
    if media and are_elsewhere() and _is_used():
        raise BackupError(
            "There are files where photos are kept. Please set FACEROUTE_S3_BUCKET to an empty "
            "bucket, or make a backup `--without-media`."
        )


def _is_used() -> bool:
    """Whether the storage holds anything but what a probe has left."""
    folders, names = default_storage.listdir("")
    return bool(folders or set(names) - {PROBE})


def _check_room(path: Path) -> None:
    needed, free = path.stat().st_size, free_bytes(settings.DATA_DIR)
    if free < needed:
        raise BackupError(
            f"The restore needs at least {in_words(needed)} and {settings.DATA_DIR} has "
            f"{in_words(free)} left. Please make room."
        )


def _extract(path: Path, about: dict[str, Any], on_progress: OnProgress) -> None:
    for folder in _unfinished_folders():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
    try:
        extract(path, _target, lambda done, total: on_progress("verifying", done, total))
    except BaseException:
        _forget()
        raise
    os.sync()  # once for all files, however many there are
    write_durably(_work() / VERIFIED, about["id"].encode())
    sync_folder(_work())


def _target(name: str) -> Path:
    """Where a file of an archive is extracted to."""
    place, _, rest = name.partition("/")
    folder = files.folders().get(place)
    return folder / UNFINISHED / rest if folder and rest else _work() / name


def _publish(about: dict[str, Any], on_progress: OnProgress) -> Restored:
    """Show what is verified, or what of it is not shown yet."""
    restored = Restored(about, missing=(_work() / MISSING).read_text().splitlines())
    for folder in files.folders().values():
        for entry in list((folder / UNFINISHED).glob("*")):
            entry.rename(folder / entry.name)
    _store_elsewhere(_work() / MEDIA, on_progress)
    _store_shared(on_progress)
    if (_work() / SECRET_KEY).exists():
        (_work() / SECRET_KEY).replace(settings.DATA_DIR / SECRET_KEY)
    if not _has_database(about):
        restored.left_out = engine().load(_work() / DATABASE, about, on_progress)
    _forget()
    return restored


def _has_database(about: dict[str, Any]) -> bool:
    """Whether the archive's database is here already. Raises BackupError for another."""
    empty = not connection.introspection.table_names()
    found = [] if empty else applied("default")
    connection.close()
    if not empty and any(one not in found for one in about["migrations"]):
        raise BackupError(
            "A restore was cut off here, and the database has been filled otherwise since. Please "
            "restore into a new place."
        )
    return not empty


def _store_elsewhere(folder: Path, on_progress: OnProgress) -> None:
    """Send photos to the store that they are kept in, where that is no folder."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    for done, path in enumerate(paths):
        on_progress("photos", done, len(paths))
        name = path.relative_to(folder).as_posix()
        default_storage.delete(name)  # of a restore that was killed: no second one beside it
        with path.open("rb") as file:
            default_storage.save(name, File(file))


def _store_shared(on_progress: OnProgress) -> None:
    """Where all machines share a storage, the rows say that models and datasets are in it."""
    if not are_elsewhere():
        return
    contents = {path.name: path for path in settings.DATASET_ROOT.glob("??/*")}
    bundles = [path for path in settings.MODEL_ROOT.glob("*/*") if path.is_file()]
    models = {shared_files.digest_of(path): path for path in bundles}
    total = len(contents) + len(models)
    places = [(DATASETS, contents), (MODELS, models)]
    for done, (place, digest, path) in enumerate(
        (place, *one) for place, found in places for one in found.items()
    ):
        on_progress("models and datasets", done, total)
        with path.open("rb") as file:
            shared_files.put(place, digest, File(file))


def _forget() -> None:
    """The mark goes last, so that what is left is known for what it is."""
    for folder in reversed(_unfinished_folders()):
        shutil.rmtree(folder, ignore_errors=True)


def _unfinished_folders() -> list[Path]:
    return [_work(), *(folder / UNFINISHED for folder in files.folders().values())]


def _work() -> Path:
    folder: Path = settings.DATA_DIR / UNFINISHED
    return folder
