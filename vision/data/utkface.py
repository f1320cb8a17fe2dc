"""UTKFace as people have it: file names that carry the labels."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from vision.attributes import ATTRIBUTES, Labels
from vision.errors import VisionError

_NAME = re.compile(r"^(\d+)_(\d+)_(\d+)_(\w+)\s*$")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_SUFFIXES = (".jpg.chip.jpg", ".chip.jpg", ".jpg", ".jpeg", ".png")
_MOST_DIGITS = 9


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
    """The path is no dataset that can be read: neither a folder, a zip nor a label file."""

    code = "dataset_unreadable"


def is_unsafe_name(name: str) -> bool:
    """Whether a path inside an archive points out of it. Nothing is unpacked under such a name,
    but who packs one is not to be trusted with labels either."""
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or bool(_DRIVE.match(name))


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
    age, gender, race = map(_number, match.groups()[:3])
    return in_range(utkface_labels(age, gender, race))


def _number(digits: str) -> int:
    """Python reads no number of thousands of digits, and no label has one."""
    return int(digits) if len(digits) <= _MOST_DIGITS else 10**_MOST_DIGITS


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
