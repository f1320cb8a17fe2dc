"""Every image of a dataset with its labels, from file names or from a CSV file beside them."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from math import floor
from pathlib import Path, PurePosixPath
from typing import Any

from vision.attributes import ATTRIBUTES, SHIPPED, Attribute, Labels

from .utkface import (
    DatasetUnreadable,
    MalformedName,
    NameRefused,
    Source,
    UnsafeName,
    in_range,
    is_image_name,
    is_unsafe_name,
    open_source,
    parse_name,
)

_COLUMNS = ("file", "age", "gender", "race")
LONGEST_SENDER = 64  # characters


@dataclass(frozen=True)
class LabelledFile:
    """One file of a dataset: its path inside, its content and its labels, or why it has none.

    `data` is empty for a file that is missing, damaged in its archive, or far too large for a
    crop, so that a reader reports it like any other broken image. `sender` names who gave it as a
    correction; it is empty for all other files.
    """

    name: str
    data: bytes
    labels: Labels | None
    refusal: str = ""
    sender: str = ""


class LabelledFiles:
    """Every image of a dataset with its labels, whatever shape the dataset has.

    `path` is a folder or a zip of UTKFace-named images; or a CSV file with the columns `file`,
    `age`, `gender` and `race`, or more attributes, beside its images; or a folder or a zip that
    holds such a file. A row of it whose column `sender` is filled in is a correction. Use it as a
    context manager; `len()` counts the files. Raises DatasetUnreadable.
    """

    def __init__(self, path: Path) -> None:
        is_table = path.suffix.lower() == ".csv" and path.is_file()
        self._opened = open_source(path.parent if is_table else path)
        self._table = path.name if is_table else None

    def __enter__(self) -> "LabelledFiles":
        self._source = self._opened.__enter__()
        names = self._source.names()
        found = self._table or _find_table(self._source, names)
        self._labels = _read_table(self._source, found) if found else None
        self._names = list(self._labels or filter(is_image_name, names))
        return self

    def __exit__(self, *trouble: Any) -> None:
        self._opened.__exit__(*trouble)

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[LabelledFile]:
        for name in self._names:
            try:
                labels = self._labels_of(name)
            except NameRefused as refused:
                # What a path out of its folder points to is none of ours to read.
                unsafe = isinstance(refused, UnsafeName)
                data = b"" if unsafe else self._source.read(name)
                yield LabelledFile(name, data, None, refused.code)
            else:
                data, sender = self._source.read(name), self._sender_of(name)
                yield LabelledFile(name, data, labels, sender=sender)

    def _labels_of(self, name: str) -> Labels:
        if self._labels is None:
            return parse_name(name)
        if is_unsafe_name(name):
            raise UnsafeName("folder", name=name)
        return _labels_in_row(self._labels[name])

    def _sender_of(self, name: str) -> str:
        row = self._labels[name] if self._labels else {}
        return row.get("sender", "").strip()[:LONGEST_SENDER]


def _find_table(source: Source, names: list[str]) -> str | None:
    """The first CSV file, at the top or one folder below, that has the columns of labels."""
    for name in names:
        near_the_top = len(PurePosixPath(name).parts) <= 2
        if near_the_top and name.lower().endswith(".csv") and _header_fits(source.read(name)):
            return name
    return None


def _header_fits(data: bytes) -> bool:
    first = data.split(b"\n", 1)[0].decode("utf-8-sig", errors="replace")
    return set(_COLUMNS) <= {column.strip().lower() for column in first.split(",")}


def _read_table(source: Source, name: str) -> dict[str, dict[str, str]]:
    """Path inside the source → its row. Raises DatasetUnreadable."""
    data = source.read(name)
    if not _header_fits(data):
        raise DatasetUnreadable("columns", name=PurePosixPath(name).name)
    if b"\0" in data:  # no text, and no name of a file
        raise DatasetUnreadable("csv", name=PurePosixPath(name).name)
    try:
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
        table = [{str(k).strip().lower(): v or "" for k, v in row.items()} for row in rows]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetUnreadable("csv", name=PurePosixPath(name).name) from error
    folder = PurePosixPath(name).parent
    return {(folder / row["file"].strip()).as_posix(): row for row in table if row["file"].strip()}


def _labels_in_row(row: dict[str, str]) -> Labels:
    """Numbers as in UTKFace's names; labels also by their English names. Attributes beside the
    three that ship may have a column of their name; an empty cell says nothing of one.

    Raises MalformedName or LabelOutOfRange.
    """
    others = [name for name in ATTRIBUTES if name not in SHIPPED and row.get(name, "").strip()]
    try:
        labels = {name: _number(row[name], ATTRIBUTES[name]) for name in (*SHIPPED, *others)}
    except (ValueError, OverflowError):
        raise MalformedName("row") from None
    return in_range(labels)


def _number(cell: str, attribute: Attribute) -> int:
    """Years are rounded down. Raises ValueError or OverflowError, also for a part of a label."""
    cell = cell.strip().lower()
    if cell in attribute.labels:
        return attribute.labels.index(cell)
    number = floor(float(cell))
    if attribute.labels and number != float(cell):
        raise ValueError(cell)
    return number
