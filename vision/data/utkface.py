"""UTKFace as people have it: file names that carry the labels, in a folder or a zip."""

import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

from vision.attributes import ATTRIBUTES, Labels
from vision.errors import VisionError

_NAME = re.compile(r"^(\d+)_(\d+)_(\d+)_(\w+)\s*$")
_SUFFIXES = (".jpg.chip.jpg", ".chip.jpg", ".jpg", ".jpeg", ".png")
# A UTKFace crop has some 10 kB; what unpacks to far more than a photo is no crop.
_LARGEST_FILE = 20 * 2**20


@dataclass(frozen=True)
class Example:
    """One labelled crop on disk; `digest` is the SHA-256 of its content, in hexadecimal.

    `sender` names who gave it as a correction; it is empty where an archive brought it.
    """

    digest: str
    path: Path
    labels: Labels
    sender: str = ""


@dataclass(frozen=True)
class Curated:
    """What a policy kept of a dataset, split by content: no image is in two of the three.

    `fingerprint` names exactly these examples in exactly these splits (hexadecimal).
    `corrections_left_out`: how many corrections do not train, by the reasons of
    `vision.data.selection`.
    """

    policy: str
    seed: int
    fingerprint: str
    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    corrections_left_out: Mapping[str, int] = field(default_factory=dict)


class NameRefused(VisionError):
    """A file whose name gives no usable labels; `code` names the reason."""


class MalformedName(NameRefused):
    code = "malformed_name"


class LabelOutOfRange(NameRefused):
    code = "label_out_of_range"


class UnsafeName(NameRefused):
    code = "unsafe_name"


class DatasetUnreadable(VisionError):
    """The path is neither a folder nor a zip that can be read."""

    code = "dataset_unreadable"


def is_image_name(name: str) -> bool:
    """Whether a path inside a dataset looks like an image (what unpackers add does not count)."""
    path = PurePosixPath(name)
    hidden = any(part.startswith((".", "__MACOSX")) and part != ".." for part in path.parts)
    return not hidden and path.name.lower().endswith(_SUFFIXES)


def is_unsafe_name(name: str) -> bool:
    """Whether a path inside an archive points out of it. Nothing is unpacked under such a name,
    but who packs one is not to be trusted with labels either."""
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts


def parse_name(name: str) -> Labels:
    """The labels in `[age]_[gender]_[race]_[timestamp].jpg(.chip.jpg)`; folders are ignored.

    Raises MalformedName, LabelOutOfRange or, for a path out of its archive, UnsafeName.
    """
    if is_unsafe_name(name):
        raise UnsafeName(name=name)
    stem = PurePosixPath(name).name
    for suffix in _SUFFIXES:
        if stem.lower().endswith(suffix):
            stem = stem[: -len(suffix)]
            break
    match = _NAME.match(stem)
    if match is None:
        raise MalformedName(name=stem)
    age, gender, race = (int(part) for part in match.groups()[:3])
    return in_range(utkface_labels(age, gender, race))


def in_range(labels: Labels) -> Labels:
    """The labels as they are. Raises LabelOutOfRange where a number means nothing."""
    if not all(ATTRIBUTES[name].holds(value) for name, value in labels.items()):
        raise LabelOutOfRange(labels=list(labels.values()))
    return labels


def utkface_labels(age: int, gender: int, race: int) -> Labels:
    """The three labels of UTKFace: years, and indices of the labels of `GENDER` and `RACE`."""
    return {"age": age, "gender": gender, "race": race}


def split_bucket(data: bytes, buckets: int = 10) -> int:
    """MD5 of a file's content modulo 10: 0 is held back, 1 validates, 2 to 9 train. Modulo 20
    `selection.split_of_bucket` tells its split.

    Copies of one file fall into one bucket, whatever they are called.
    """
    return int(hashlib.md5(data, usedforsecurity=False).hexdigest(), 16) % buckets


class Source(Protocol):
    """A folder or an archive: the paths inside, sorted, and the content of each."""

    def names(self) -> list[str]: ...

    def read(self, name: str) -> bytes: ...


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        files = (file for file in self._folder.rglob("*") if file.is_file())
        return sorted(file.relative_to(self._folder).as_posix() for file in files)

    def read(self, name: str) -> bytes:
        file = self._folder / name
        try:
            return file.read_bytes() if file.stat().st_size <= _LARGEST_FILE else b""
        except OSError:
            return b""


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._members = {info.filename: info for info in archive.infolist() if not info.is_dir()}

    def names(self) -> list[str]:
        return sorted(self._members)

    def read(self, name: str) -> bytes:
        member = self._members.get(name)
        if member is None or member.file_size > _LARGEST_FILE:
            return b""
        try:
            # The header's size may lie: never read more than is allowed.
            with self._archive.open(member) as file:
                data = file.read(_LARGEST_FILE + 1)
        except (OSError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error):
            return b""  # damaged, encrypted or packed in a way Python does not know
        return data if len(data) <= _LARGEST_FILE else b""


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """A folder or a zip for reading; nothing is unpacked to disk. Raises DatasetUnreadable."""
    if path.is_dir():
        yield _Folder(path)
        return
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise DatasetUnreadable(name=path.name) from error
    with archive:
        yield _Zip(archive)
