"""Names for files that are downloaded, made of names that strangers gave theirs."""

import re
import unicodedata
from pathlib import PurePath

from .models import Batch

_LONGEST = 150  # bytes in UTF-8; file systems take some 255, with the number and the ending
# What Windows allows in no name, beside what nobody sees (`_is_shown`).
_FORBIDDEN = re.compile(r'[<>:"|?*]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


class FileNames:
    """Gives each file of a folder a name of its own, also where capitals are taken for small
    letters."""

    def __init__(self, ending: str) -> None:
        """`ending`: what all of them end with, such as `.jpg`."""
        self._ending = ending
        self._given: set[str] = set()

    def like(self, name: str) -> str:
        """A new name, as close as may be to one that a file had elsewhere."""
        stem = safe_stem(name)
        number, new = 1, stem
        while new.casefold() in self._given:
            number += 1
            new = f"{stem} ({number})"
        self._given.add(new.casefold())
        return new + self._ending


def safe_stem(name: str) -> str:
    """A file's name without its ending, as every system takes it: its folders before it, a dash
    between them. “photo” where nothing is left of it."""
    *folders, last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))
    return _whole(" - ".join(filter(None, map(_safe, [*folders, PurePath(last).stem]))), "photo")


def stem_of(batch: Batch) -> str:
    """What files made of a batch are called, without their endings: its name, as every system
    takes it."""
    return _whole(_safe(re.sub(r"[/\\]", "-", unicodedata.normalize("NFC", batch.name))), "batch")


def _whole(told: str, otherwise: str) -> str:
    cut = told.encode("utf-8", "ignore")[-_LONGEST:].decode("utf-8", "ignore").strip(" .")
    return f"_{cut}" if _RESERVED.fullmatch(cut) else cut or otherwise


def _safe(part: str) -> str:
    return _FORBIDDEN.sub("_", "".join(filter(_is_shown, part))).strip(" .")


def _is_shown(character: str) -> bool:
    """Neither a control nor one that only changes how others are shown."""
    category = unicodedata.category(character)
    return category[0] != "C" and category not in {"Zl", "Zp"}
