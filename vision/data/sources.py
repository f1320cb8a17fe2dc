"""Where datasets lie: a folder or a zip, as paths inside with their contents.

Whatever lies there is taken as it is found: only plain files have a name here, so that nothing that
hangs (a pipe, a device) is ever opened, and every name can be stored and shown.
"""

import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from .utkface import DatasetUnreadable

# A UTKFace crop has some 10 kB; what unpacks to far more than a photo is no crop.
LARGEST_IMAGE = 20 * 2**20
_IMAGES = (".jpg", ".jpeg", ".png")
# What reading a damaged or hostile archive raises, or one packed in a way Python does not know.
_BROKEN = (
    OSError,
    RuntimeError,  # encrypted; NotImplementedError is one too
    ValueError,  # UnicodeDecodeError is one
    EOFError,
    OverflowError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
_NAMES_ARE_UTF8 = 0x800  # the flag of a member of a zip


class Source(Protocol):
    """A folder or an archive: the paths inside, sorted, and the content of each."""

    def names(self) -> list[str]: ...

    def read(self, name: str, largest: int = LARGEST_IMAGE) -> bytes:
        """Empty for what is damaged, is not there, or has more than `largest` bytes."""
        ...


def is_image_name(name: str) -> bool:
    """Whether a path inside a dataset looks like an image (what unpackers add does not count)."""
    path = PurePosixPath(name)
    hidden = any(part.startswith((".", "__MACOSX")) and part != ".." for part in path.parts)
    return not hidden and path.name.lower().endswith(_IMAGES)


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """A folder or a zip for reading; nothing is unpacked to disk. Raises DatasetUnreadable."""
    if path.is_dir():
        yield _Folder(path)
        return
    if not path.is_file():
        raise DatasetUnreadable(name=path.name)
    try:
        archive = zipfile.ZipFile(path)
    except _BROKEN as error:
        raise DatasetUnreadable(name=path.name) from error
    with archive:
        yield _Zip(archive)


class _Folder:
    def __init__(self, folder: Path) -> None:
        files = (Path(at, name) for at, _, names in os.walk(folder) for name in names)
        self._files = {
            _storable(file.relative_to(folder).as_posix()): file
            for file in files
            if _is_plain(file)
        }

    def names(self) -> list[str]:
        return sorted(self._files)

    def read(self, name: str, largest: int = LARGEST_IMAGE) -> bytes:
        if name not in self._files:
            return b""
        try:
            with self._files[name].open("rb") as file:
                return _read(file, largest)
        except OSError:
            return b""


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._members = {_name_of(info): info for info in archive.infolist() if not info.is_dir()}

    def names(self) -> list[str]:
        return sorted(self._members)

    def read(self, name: str, largest: int = LARGEST_IMAGE) -> bytes:
        member = self._members.get(name)
        if member is None or member.file_size > largest:
            return b""
        try:
            with self._archive.open(member) as file:
                return _read(file, largest)
        except _BROKEN:
            return b""


def _read(file: IO[bytes], largest: int) -> bytes:
    # What a header or a folder says of a size may be a lie: never read more than is allowed.
    data = file.read(largest + 1)
    return data if len(data) <= largest else b""


def _is_plain(file: Path) -> bool:
    """Whether a path is a file, or a link to one; a pipe, a device or a broken link is none."""
    try:
        return file.is_file()
    except OSError:
        return False


def _name_of(member: zipfile.ZipInfo) -> str:
    """The path of a member as whoever packed it saw it.

    Names without the flag of UTF-8 are read as code page 437, as the format says. Programs that do
    not set it have written UTF-8 (macOS) or Korean (Windows) all the same.
    """
    name = member.filename
    if not (member.flag_bits & _NAMES_ARE_UTF8 or name.isascii()):
        for encoding in ("utf-8", "cp949"):
            try:
                name = name.encode("cp437").decode(encoding)
                break
            except UnicodeError:
                continue
    return _storable(name)


def _storable(name: str) -> str:
    """A path as every database takes it: with forward slashes, and bytes that are no text written
    as in URLs."""
    raw = name.replace("\\", "/").encode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "backslashreplace").replace("\\x", "%")
