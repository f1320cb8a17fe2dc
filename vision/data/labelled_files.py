"""Every image of a dataset with its labels, from file names or from a label file beside them."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from vision.attributes import Labels

from .cleaning import Reason
from .label_tables import (
    LARGEST_TABLE,
    LONGEST_SENDER,
    SUFFIXES,
    LabelNotKnown,
    Row,
    header_of,
    read_rows,
)
from .path_matching import Files, tidy
from .sources import Source, is_image_name, open_source
from .utkface import (
    DatasetUnreadable,
    LabelOutOfRange,
    NameRefused,
    UnsafeName,
    is_unsafe_name,
    parse_name,
)

__all__ = ["LONGEST_SENDER", "LabelledFile", "LabelledFiles"]


@dataclass(frozen=True)
class LabelledFile:
    """One file of a dataset: its path inside, its content and its labels.

    `refusal`: why it cannot be used, a `Reason`; empty where nothing is known to be wrong with it.
    `detail`: what it is in the file's row that is refused, such as `race: mixed`. `data` is empty
    for a file that is not there, is damaged in its archive, or is far too large for a crop.
    `sender` names who gave it as a correction; it is empty for all other files.
    """

    name: str
    data: bytes
    labels: Labels | None
    refusal: str = ""
    sender: str = ""
    detail: str = ""


@dataclass(frozen=True)
class _Entry:
    """One file of a dataset, before it is read: what it is called, where it lies ("" where that is
    not known), and what names or rows say of it."""

    name: str
    location: str
    labels: Labels | None = None
    refusal: str = ""
    sender: str = ""
    detail: str = ""


class LabelledFiles:
    """Every image of a dataset with its labels, whatever shape the dataset has.

    `path` is a folder or a zip of UTKFace-named images; or a label file (see `label_tables`)
    beside its images; or a folder or a zip that holds one. A row of it whose column `sender` is
    filled in is a correction. Use it as a context manager; `len()` counts the files. `unlisted`:
    the images beside a label file that it does not name. Raises DatasetUnreadable.
    """

    def __init__(self, path: Path) -> None:
        is_table = path.suffix.lower() in SUFFIXES and path.is_file()
        self._opened = open_source(path.parent if is_table else path)
        self._table = path.name if is_table else None
        self.unlisted: list[str] = []

    def __enter__(self) -> "LabelledFiles":
        self._source = self._opened.__enter__()
        names = self._source.names()
        if table := self._table or _find_table(self._source, names):
            self._entries = _entries_of(table, _rows_of(self._source, table), names)
            listed = {entry.location for entry in self._entries}
            self.unlisted = [name for name in names if is_image_name(name) and name not in listed]
        else:
            self._entries = [_entry_of(name) for name in names if is_image_name(name)]
        return self

    def __exit__(self, *trouble: Any) -> None:
        self._opened.__exit__(*trouble)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[LabelledFile]:
        for entry in self._entries:
            data = self._source.read(entry.location) if entry.location else b""
            yield LabelledFile(
                entry.name, data, entry.labels, entry.refusal, entry.sender, entry.detail
            )


def _entry_of(name: str) -> _Entry:
    """What the name of a file says."""
    try:
        return _Entry(name, name, parse_name(name))
    except UnsafeName as refused:
        # What a path out of its folder points to is none of ours to read.
        return _Entry(name, "", refusal=refused.code)
    except NameRefused as refused:
        return _Entry(name, name, refusal=refused.code)


def _find_table(source: Source, names: Sequence[str]) -> str | None:
    """The first label file, at the top or one folder below. Raises DatasetUnreadable where there is
    none but one that lacks columns, and no name of an image says anything either."""
    incomplete: dict[str, list[str]] = {}
    for name in names:
        if len(PurePosixPath(name).parts) > 2 or not name.lower().endswith(SUFFIXES):
            continue
        header = header_of(source.read(name, LARGEST_TABLE))
        if not header.missing:
            return name
        if len(header.missing) < 3:
            incomplete[name] = header.missing
    if incomplete and not any(_entry_of(name).labels for name in names if is_image_name(name)):
        name, missing = next(iter(incomplete.items()))
        raise DatasetUnreadable("columns", name=PurePosixPath(name).name, missing=missing)
    return None


def _rows_of(source: Source, table: str) -> list[Row]:
    """Raises DatasetUnreadable."""
    data = source.read(table, LARGEST_TABLE)
    if not data:
        raise DatasetUnreadable("empty", name=PurePosixPath(table).name)
    return read_rows(data, table)


def _entries_of(table: str, rows: Sequence[Row], names: Sequence[str]) -> list[_Entry]:
    """An entry for every path that the rows name, called as the label file calls it."""
    folder = PurePosixPath(table).parent.as_posix()
    by_name: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_name[(PurePosixPath(folder) / tidy(row.path)).as_posix()].append(row)
    files = Files(names)
    meant = {name: _meant(by_name[name][0], folder, files) for name in by_name}
    claims = Counter(found[0] for found in meant.values() if len(found) == 1)
    return [
        _entry_in_table(name, rows_of_one, meant[name], claims)
        for name, rows_of_one in by_name.items()
    ]


def _meant(row: Row, folder: str, files: Files) -> list[str]:
    return [] if is_unsafe_name(row.path) else files.meant_by(tidy(row.path), folder)


def _entry_in_table(
    name: str, rows: Sequence[Row], meant: Sequence[str], claims: Counter[str]
) -> _Entry:
    first = rows[0]
    if is_unsafe_name(first.path):
        return _Entry(name, "", refusal=UnsafeName.code)
    alone = len(meant) == 1 and (claims[meant[0]] == 1 or meant[0] == name)
    location = meant[0] if alone else ""
    try:
        said = [row.labels() for row in rows]
    except (LabelNotKnown, LabelOutOfRange) as refused:
        told = refused.message.parameters
        detail = f"{told['column']}: {told['word']}"
        return _Entry(name, location, refusal=refused.code, detail=detail)
    except NameRefused as refused:
        return _Entry(name, location, refusal=refused.code)
    refusal = ""
    if not meant:
        refusal = Reason.NOT_FOUND
    elif not alone or any(labels != said[0] for labels in said):
        refusal = Reason.AMBIGUOUS_ROW
    labels = None if refusal == Reason.AMBIGUOUS_ROW else said[0]
    return _Entry(name, location, labels, refusal, first.sender)
