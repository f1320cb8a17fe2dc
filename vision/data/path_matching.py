"""Which file of a dataset a label file means by a path."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath


def tidy(path: str) -> str:
    """A path with forward slashes, and without what leads nowhere: `./a`, `a//b`."""
    return PurePosixPath(path.strip().replace("\\", "/")).as_posix()


class Files:
    """The files of a dataset, found by paths that differ from theirs in case or in folders."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = set(names)
        self._alike: defaultdict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
        for name in sorted(self._names):
            parts = _parts(name)
            self._alike[parts[-1] if parts else ""].append((name, parts))

    def meant_by(self, path: str, folder: str) -> list[str]:
        """The names of the files that a tidy path may mean, in a table that lies in `folder`.

        One that is there under this path, from the table's folder or from the top, is meant alone.
        Else those of which one path ends with the other, whatever the case of their letters: a
        folder around all images may be left out, or written. Of these the ones that agree in most
        parts.
        """
        for exact in ((PurePosixPath(folder) / path).as_posix(), path):
            if exact in self._names:
                return [exact]
        wanted = _parts(path)
        found = [
            (min(len(wanted), len(parts)), name)
            for name, parts in self._alike.get(wanted[-1] if wanted else "", [])
            if _ends_alike(wanted, parts)
        ]
        most = max((agreeing for agreeing, _name in found), default=0)
        return [name for agreeing, name in found if agreeing == most]


def _parts(path: str) -> tuple[str, ...]:
    # macOS writes accents and Korean syllables in pieces, others whole.
    return PurePosixPath(unicodedata.normalize("NFC", path).casefold()).parts


def _ends_alike(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    shorter = min(len(one), len(other))
    return one[-shorter:] == other[-shorter:]
