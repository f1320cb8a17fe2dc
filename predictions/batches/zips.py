"""Reading a zip that lies in pieces in a storage: which files it has, and the bytes of each.

Nothing is ever written by a name of the zip, no file of it is read further than a photo may be
long, and only what is stored or deflated is read: other methods take memory as they please.
"""

import re
import struct
import zipfile
import zlib
from bisect import bisect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from predictions.messages import TEMPLATES
from vision.errors import VisionError

_CHUNK = 256 * 1024
# The list of files at a zip's end is read as one: that of 80,000 files has about so many bytes.
_LARGEST_READ = 8 * 2**20
# Deflate makes a thousandth of nothing at all; of no photo that was seen, a fiftieth.
_LARGEST_RATIO, _SMALL = 200, 2**20
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED, _UTF8 = 0x1, 0x800
_OF_SYSTEMS = {"__macosx", "thumbs.db", "desktop.ini"}
_NESTED = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst")
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
)


class ZipUnusable(VisionError):
    """Nothing of a zip can be read."""

    code = "archive_unusable"
    templates = TEMPLATES


class EntryRefused(VisionError):
    """One file of a zip is not read."""

    code = "archive_entry"
    templates = TEMPLATES


class Pieces:
    """A file for reading, made of consecutive pieces of which one is in memory at a time.

    `offsets`: where each begins, in bytes; `read`: the bytes of one, by its number.
    """

    def __init__(self, offsets: list[int], size: int, read: Callable[[int], bytes]) -> None:
        self._offsets, self._size, self._read = offsets, size, read
        self._at = 0
        self._number = -1
        self._piece = b""

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        at = offset + (0, self._at, self._size)[whence]
        if at < 0:
            raise OSError("before the beginning")
        self._at = at
        return at

    def read(self, size: int = -1) -> bytes:
        """Raises ZipUnusable for a read that no small list of files needs."""
        left = max(0, self._size - self._at)
        size = left if size is None or size < 0 else min(size, left)
        if size > _LARGEST_READ:
            raise ZipUnusable("too_many_files")
        parts = []
        while size > 0:
            part = self._from_piece(size)
            if not part:
                raise EOFError
            parts.append(part)
            self._at += len(part)
            size -= len(part)
        return b"".join(parts)

    def _from_piece(self, size: int) -> bytes:
        number = bisect(self._offsets, self._at) - 1
        if number != self._number:
            self._piece, self._number = self._read(number), number
        start = self._at - self._offsets[number]
        return self._piece[start : start + size]


class PhotoZip:
    """An open zip; `entries` are the files of it that are looked at, in their order.

    Folders, hidden files and what systems put beside photos are passed over. Raises ZipUnusable.
    """

    def __init__(self, file: Pieces) -> None:
        with _or(lambda: ZipUnusable("damaged")):
            self._zip = zipfile.ZipFile(file)
        self.entries = [one for one in self._zip.infolist() if not _is_passed_over(one)]

    def read(self, entry: zipfile.ZipInfo, most: int) -> bytes:
        """The bytes of a file; one more than `most` of one that is longer. Raises EntryRefused."""
        _ensure_readable(entry)
        with _or(lambda: EntryRefused("damaged")), self._zip.open(entry) as file:
            data = bytearray()
            while len(data) <= most and (chunk := file.read(_CHUNK)):
                data += chunk
        return bytes(data[: most + 1])


def name_of(entry: zipfile.ZipInfo) -> str:
    """The path of a file in its zip, in whatever way the name was written."""
    name = entry.filename
    if not entry.flag_bits & _UTF8:
        # Systems write names in their own way and do not say so: macOS in UTF-8, a Korean Windows
        # in CP949. What `zipfile` takes for CP437 is none of it.
        raw = name.encode("cp437", "replace")
        for encoding in ("utf-8", "cp949"):
            try:
                return raw.decode(encoding)
            except UnicodeDecodeError:
                continue
    return name


def _ensure_readable(entry: zipfile.ZipInfo) -> None:
    """Raises EntryRefused."""
    name = name_of(entry).replace("\\", "/")
    if ".." in name.split("/") or name.startswith("/") or re.match(r"[A-Za-z]:", name):
        raise EntryRefused("path")
    if entry.flag_bits & _ENCRYPTED:
        raise EntryRefused("encrypted")
    if name.lower().endswith(_NESTED):
        raise EntryRefused("nested")
    if entry.compress_type not in _METHODS:
        raise EntryRefused("method")
    if entry.file_size > max(_SMALL, _LARGEST_RATIO * entry.compress_size):
        raise EntryRefused("bomb")


def _is_passed_over(entry: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(name_of(entry).replace("\\", "/")).parts
    hidden = any(part.startswith(".") and part != ".." for part in parts)
    return entry.is_dir() or hidden or not _OF_SYSTEMS.isdisjoint(part.lower() for part in parts)


@contextmanager
def _or(refusal: Callable[[], VisionError]) -> Iterator[None]:
    """Errors of a damaged zip as one that is made for people; the storage's pass through."""
    try:
        yield
    except VisionError:
        raise
    except (*_BROKEN, OSError) as error:
        raise refusal() from error
