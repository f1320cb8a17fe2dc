"""UTKFace as people have it: file names that carry the labels, in a folder or a zip."""

import hashlib
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .errors import VisionError
from .labels import GENDERS, OLDEST_AGE, RACES

_NAME = re.compile(r"^(\d+)_(\d+)_(\d+)_(\w+)$")
_SUFFIXES = (".jpg.chip.jpg", ".chip.jpg", ".jpg", ".jpeg", ".png")
# A UTKFace crop has some 10 kB; what unpacks to far more than a photo is no crop.
_LARGEST_FILE = 20 * 2**20


@dataclass(frozen=True)
class Labels:
    """What an annotator wrote: years, an index of `GENDERS`, an index of `RACES`."""

    age: int
    gender: int
    race: int


@dataclass(frozen=True)
class Example:
    """One labelled crop on disk; `digest` is the SHA-256 of its content, in hexadecimal."""

    digest: str
    path: Path
    labels: Labels


@dataclass(frozen=True)
class Curated:
    """What a recipe kept of a dataset, split by content: no image is in two of the three.

    `fingerprint` names exactly these examples in exactly these splits (hexadecimal).
    """

    recipe: str
    seed: int
    fingerprint: str
    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]


class NameRefused(VisionError):
    """A file whose name gives no usable labels; `code` names the reason."""


class MalformedName(NameRefused):
    code = "malformed_name"


class LabelOutOfRange(NameRefused):
    code = "label_out_of_range"


class DatasetUnreadable(VisionError):
    """The path is neither a folder nor a zip that can be read."""

    code = "dataset_unreadable"


def is_image_name(name: str) -> bool:
    """Whether a path inside a dataset looks like an image (what unpackers add does not count)."""
    path = PurePosixPath(name)
    hidden = any(part.startswith((".", "__MACOSX")) and part != ".." for part in path.parts)
    return not hidden and path.name.lower().endswith(_SUFFIXES)


def parse_name(name: str) -> Labels:
    """The labels in `[age]_[gender]_[race]_[timestamp].jpg(.chip.jpg)`; folders are ignored.

    Raises MalformedName or LabelOutOfRange.
    """
    stem = PurePosixPath(name).name
    for suffix in _SUFFIXES:
        if stem.lower().endswith(suffix):
            stem = stem[: -len(suffix)]
            break
    match = _NAME.match(stem)
    if match is None:
        raise MalformedName(f"The name {stem!r} is not [age]_[gender]_[race]_[timestamp].")
    age, gender, race = (int(part) for part in match.groups()[:3])
    if age > OLDEST_AGE or gender >= len(GENDERS) or race >= len(RACES):
        raise LabelOutOfRange(f"The name {stem!r} carries a label outside its range.")
    return Labels(age, gender, race)


def split_bucket(data: bytes) -> int:
    """MD5 of a file's content modulo 10: 0 is held back, 1 validates, 2 to 9 train.

    Copies of one file fall into one bucket, whatever they are called.
    """
    return int(hashlib.md5(data, usedforsecurity=False).hexdigest(), 16) % 10


def iter_files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every image file below a folder or in a zip, as (path inside it, content), sorted by path.

    Nothing is unpacked to disk. Members that are too large to be a crop are given as empty
    content, so that a reader reports them like any other broken image. Raises DatasetUnreadable.
    """
    if path.is_dir():
        yield from _iter_folder(path)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            yield from _iter_zip(archive)
    except (OSError, zipfile.BadZipFile) as error:
        raise DatasetUnreadable(
            f"{path.name!r} is neither a folder nor a zip archive that can be read."
        ) from error


def _iter_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if is_image_name(name) and file.is_file():
            yield name, file.read_bytes() if file.stat().st_size <= _LARGEST_FILE else b""


def _iter_zip(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    for member in sorted(archive.infolist(), key=lambda member: member.filename):
        if is_image_name(member.filename) and not member.is_dir():
            too_large = member.file_size > _LARGEST_FILE
            yield member.filename, b"" if too_large else _read_member(archive, member)


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        # The header's size may lie: never read more than is allowed.
        with archive.open(member) as file:
            data = file.read(_LARGEST_FILE + 1)
    except (OSError, RuntimeError, zipfile.BadZipFile):  # damaged or encrypted
        return b""
    return data if len(data) <= _LARGEST_FILE else b""
