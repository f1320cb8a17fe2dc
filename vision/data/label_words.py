"""What people call columns and labels where they do not call them as UTKFace does.

Only what means one thing to everybody who uses it: of a word that is not here it is said that it
is not known, and nothing is guessed.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from math import floor

from vision.attributes import Attribute

FILE = "file"

# Field → what its column is called, as `plain` writes it; of two in a table the first counts.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    FILE: (
        *("filename", "filepath", "image", "imagename", "imagefile", "imagefilename", "imagepath"),
        *("img", "imgname", "imgfile", "imgpath", "photo", "picture", "path", "name"),
        *("파일", "파일명", "이미지", "사진", "경로"),
    ),
    "age": ("years", "ageyears", "ageinyears", "나이", "연령"),
    "gender": ("sex", "성별"),
    "race": ("ethnicity", "ethnicgroup", "인종"),
}
# Attribute → word, as `plain` writes it → label. “Others” is what UTKFace means by it: “like
# Hispanic, Latino, Middle Eastern”.
_LABELS: Mapping[str, Mapping[str, str]] = {
    "gender": {
        **dict.fromkeys(("m", "man", "남", "남자", "남성"), "male"),
        **dict.fromkeys(("f", "woman", "여", "여자", "여성"), "female"),
    },
    "race": {
        **dict.fromkeys(("caucasian", "백인"), "white"),
        **dict.fromkeys(("african", "africanamerican", "흑인"), "black"),
        **dict.fromkeys(("eastasian", "southeastasian", "아시아인", "동양인"), "asian"),
        **dict.fromkeys(("southasian", "인도인"), "indian"),
        **dict.fromkeys(("other", "hispanic", "latino", "latinohispanic"), "others"),
        **dict.fromkeys(("hispaniclatino", "middleeastern", "기타"), "others"),
    },
}
_NOTHING = frozenset({"", "nan", "na", "null", "none", "unknown"})
_NUMBER = re.compile(r"[+-]?\d{1,9}([.,]\d*)?")
# What no sheet that people work with has as a label, and thousands of digits are.
_FAR_OUT = 10**9


def plain(words: str) -> str:
    """Words without what does not tell them apart: case, blanks, hyphens, underscores."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", words).casefold())


def columns_in(header: Sequence[str]) -> dict[str, int]:
    """Field → the number of its column: the file, attributes, and whatever else has a name."""
    found = {cell.strip().lower(): number for number, cell in reversed([*enumerate(header)])}
    called = {plain(cell): number for number, cell in reversed([*enumerate(header)])}
    for field, names in _COLUMNS.items():
        number = next((called[name] for name in (field, *names) if name in called), None)
        if number is not None:
            found[field] = number
    return found


def says_nothing(cell: str) -> bool:
    """Whether a cell is there for a label that nobody knows."""
    return plain(cell) in _NOTHING


def number_of(cell: str, attribute: Attribute) -> int | None:
    """The number that a cell of an attribute's column stands for, in its range or not; None where
    it is not known. Years are rounded down; there is no part of a label."""
    if attribute.labels:
        words = {plain(label): label for label in attribute.labels}
        words |= _LABELS.get(attribute.name, {})
        if label := words.get(plain(cell)):
            return attribute.labels.index(label)
    written = cell.strip()
    if written.isdecimal() and len(written) > 9:
        return _FAR_OUT
    if not _NUMBER.fullmatch(written):
        return None
    number = float(written.replace(",", "."))
    whole = floor(number)
    return None if attribute.labels and whole != number else whole


def is_numbered_otherwise(cells: Sequence[str], attribute: Attribute) -> bool:
    """Whether a column counts the labels of an attribute from 1, and not from 0 as UTKFace does."""
    numbers = {int(cell) for cell in map(str.strip, cells) if re.fullmatch(r"\d{1,9}", cell)}
    return bool(attribute.labels) and 0 not in numbers and len(attribute.labels) in numbers
