"""Label files as people have them: text in any encoding that is usual, with any usual separator."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from vision.attributes import ATTRIBUTES, SHIPPED, Attribute, Labels

from .label_words import FILE, columns_in, is_numbered_otherwise, number_of, says_nothing
from .utkface import DatasetUnreadable, LabelOutOfRange, MalformedName, NameRefused, in_range

SUFFIXES = (".csv", ".tsv", ".txt")
LARGEST_TABLE = 500 * 2**20
LONGEST_SENDER = 64  # characters
_REQUIRED = (FILE, *SHIPPED)
_SEPARATORS = ",;\t|"
# What a header has within; some tables hold whole images in their cells.
_HEADER = 100_000  # characters
# In this order. A text of western Europe hardly ever fits EUC-KR, which has most of what is written
# in Korean; the code pages of Windows, which fit nearly everything, come after them.
_ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-be", "utf-32", "euc-kr")


class LabelNotKnown(NameRefused):
    """A cell holds a word that stands for none of the labels."""

    code = "label_not_known"


class Row:
    """One row of a label file: the path of its file, as it is written there, and its labels."""

    def __init__(self, cells: Mapping[str, str]) -> None:
        self._cells = cells
        self.path = cells[FILE].strip()
        self.sender = cells.get("sender", "").strip()[:LONGEST_SENDER]

    def labels(self) -> Labels:
        """Numbers as in UTKFace's names; labels also by their names. Attributes beside the three
        that ship may have a column of their name; an empty cell says nothing of one.

        Raises MalformedName, LabelNotKnown or LabelOutOfRange.
        """
        said = {
            name: cell for name in ATTRIBUTES if not says_nothing(cell := self._cells.get(name, ""))
        }
        if missing := [name for name in SHIPPED if name not in said]:
            raise MalformedName("row", missing=missing)
        return in_range({name: _number(said[name], ATTRIBUTES[name]) for name in said})


@dataclass(frozen=True)
class Header:
    """The first line of a label file: what separates its cells, and field → column.

    `missing`: the fields that a label file needs and it lacks.
    """

    separator: str
    columns: Mapping[str, int]

    @property
    def missing(self) -> list[str]:
        return [field for field in _REQUIRED if field not in self.columns]


def header_of(data: bytes) -> Header:
    """The header of what may be a label file, or its beginning."""
    return _header(_text(data) or "")


def read_rows(data: bytes, name: str) -> list[Row]:
    """The rows of a label file that name a file. Raises DatasetUnreadable."""
    short = PurePosixPath(name).name
    text = _text(data)
    if text is None:
        raise DatasetUnreadable("text", name=short)
    header = _header(text)
    if header.missing:
        raise DatasetUnreadable("columns", name=short, missing=header.missing)
    try:
        rows = list(_rows(text, header))
    except csv.Error as error:
        raise DatasetUnreadable("csv", name=short) from error
    for attribute in (ATTRIBUTES[name] for name in SHIPPED):
        if is_numbered_otherwise([row[attribute.name] for row in rows], attribute):
            labels = [f"{number} {label}" for number, label in enumerate(attribute.labels)]
            raise DatasetUnreadable("numbers", name=short, column=attribute.name, labels=labels)
    return [Row(row) for row in rows if row[FILE].strip()]


def _number(cell: str, attribute: Attribute) -> int:
    number = number_of(cell, attribute)
    if number is None:
        raise LabelNotKnown(column=attribute.name, word=_short(cell))
    if not attribute.holds(number):
        raise LabelOutOfRange("cell", column=attribute.name, word=_short(cell))
    return number


def _short(cell: str) -> str:
    cell = " ".join(cell.split())
    return cell if len(cell) <= 40 else f"{cell[:40]}…"


def _text(data: bytes) -> str | None:
    """The text that the bytes are, without line ends before it; None where they are none.

    What columns are called is known: so it is the first reading whose first line names most of
    them, and nothing has to be guessed from how often a character occurs.
    """
    best, fewest = None, len(_REQUIRED) + 1
    for text in _readings(data):
        missing = len(_header(text).missing)
        if missing < fewest:
            best, fewest = text, missing
        if not missing:
            break
    return best


def _readings(data: bytes) -> Iterator[str]:
    """The bytes in all encodings that are usual and that they fit."""
    for encoding in _ENCODINGS:
        with suppress(UnicodeDecodeError):
            text = data.decode(encoding)
            if "\0" not in text:
                yield text.lstrip("\r\n")
    # Both fit most texts of either. Here letters have to be told by how often they are together.
    from charset_normalizer import from_bytes

    best = from_bytes(data, cp_isolation=["cp949", "cp1252"]).best()
    if best and "\0" not in str(best):
        yield str(best).lstrip("\r\n")


def _header(text: str) -> Header:
    """That reading of the first line which finds most of what a label file needs."""
    first, _, rest = text[:_HEADER].partition("\n")
    if first.startswith("sep="):  # what Excel writes
        first = rest.partition("\n")[0]
    readings = [
        Header(separator, columns_in(_cells(first, separator))) for separator in _SEPARATORS
    ]
    return min(readings, key=lambda reading: len(reading.missing))


def _cells(line: str, separator: str) -> Sequence[str]:
    try:
        return next(_reader(line, separator), [])
    except csv.Error:
        return []


def _reader(text: str, separator: str) -> Iterator[list[str]]:
    lines = io.StringIO(text, newline="")
    return csv.reader(lines, delimiter=separator, skipinitialspace=True)


def _rows(text: str, header: Header) -> Iterator[dict[str, str]]:
    if text.startswith("sep="):
        text = text.partition("\n")[2]
    rows = _reader(text, header.separator)
    next(rows)
    for row in rows:
        yield {
            field: row[column] if column < len(row) else ""
            for field, column in header.columns.items()
        }
