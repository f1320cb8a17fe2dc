"""The file of a backup: a tar that says first what it is and last what everything in it sums to.

    backup.json                  what it is (see `.about`)
    database/STREAM/00000.gz …   the database, in pieces of 32 MB before they were compressed
    secret_key media/… models/… datasets/…
    missing.txt                  files that rows name and that were not there any more
    checksums.sha256             of all files before it, for `sha256sum --check`

It is written and read in one pass, however many files there are; memory holds one piece of it.
"""

import gzip
import hashlib
import io
import json
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Any

from vision.diskspace import full_disk_in_words

ABOUT = "backup.json"
MISSING = "missing.txt"
CHECKSUMS = "checksums.sha256"
DATABASE = "database"
SECRET_KEY = "secret_key"  # noqa: S105  the name of a file
MEDIA, MODELS, DATASETS = "media", "models", "datasets"

_TOP = {ABOUT, MISSING, CHECKSUMS, DATABASE, SECRET_KEY, MEDIA, MODELS, DATASETS}
_PIECE = 32 * 2**20  # bytes of a stream in one file, before compression
_CHUNK = 2**20
_LONGEST_ABOUT = 16 * 2**20


class BackupError(Exception):
    """A backup cannot be made or brought back; the message says why and what to do."""


class ArchiveDamaged(BackupError):
    """The archive is not what was written; `what` is a sentence that begins after a colon."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The archive is damaged: {what} Nothing of it was used.")


class ArchiveWriter:
    """Adds files to a tar and, when the `with` block ends well, the checksums of them all.

    `scratch` is a folder with room for a line a file.
    """

    def __init__(self, file: IO[bytes], scratch: Path) -> None:
        self._tar = tarfile.open(fileobj=file, mode="w")  # noqa: SIM115
        self._sums = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115
        self._now = int(time.time())

    def __enter__(self) -> "ArchiveWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._sums:
            if kind is None:
                size = self._sums.tell()
                self._sums.seek(0)
                self._add(CHECKSUMS, self._sums, size)
                self._tar.close()

    def add(self, name: str, file: IO[bytes], size: int) -> None:
        """A file that holds `size` bytes from where it is. Raises BackupError."""
        digest = self._add(name, file, size)
        self._sums.write(_line(digest, name))

    def add_bytes(self, name: str, data: bytes) -> None:
        self.add(name, io.BytesIO(data), len(data))

    def add_stream(self, name: str, chunks: Iterable[bytes | memoryview]) -> None:
        """Bytes of any length, which `read_stream` reads again."""
        for number, piece in enumerate(_pieces(chunks)):
            self.add_bytes(f"{name}/{number:05}.gz", gzip.compress(piece, 1, mtime=0))

    def _add(self, name: str, file: IO[bytes], size: int) -> str:
        if not is_safe(name):
            raise BackupError(f"The file “{name}” has a name that no archive may hold.")
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, self._now
        hashed = _Hashed(file)
        self._tar.addfile(info, hashed)
        _forget_members(self._tar)
        return hashed.digest()


class _Hashed:
    """A file that is summed while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sum = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._sum.update(data)
        return data

    def digest(self) -> str:
        return self._sum.hexdigest()


def is_safe(name: str) -> bool:
    """Whether a name may stand in an archive: a plain relative path below what archives hold."""
    parts = name.split("/")
    plain = name.isprintable() and "\\" not in name and not {"", ".", ".."} & set(parts)
    return plain and parts[0] in _TOP and len(name) < 1000


def read_about(path: Path) -> dict[str, Any]:
    """What the archive at a path says of itself. Raises BackupError."""
    with _opened(path) as tar:
        try:
            first = _next(tar)
            if first is None or first.name != ABOUT or first.size > _LONGEST_ABOUT:
                raise BackupError(f"{path} is not a backup of FaceRoute.")
            about = json.loads(_content(tar, first).read())
        except (tarfile.TarError, ValueError):
            raise ArchiveDamaged("what it says of itself cannot be read.") from None
        if not isinstance(about, dict):
            raise ArchiveDamaged("what it says of itself cannot be read.")
        return about


def extract(
    path: Path, target: Callable[[str], Path], on_progress: Callable[[int, int], None]
) -> None:
    """Write every file of an archive to the path that `target` gives for its name, and verify
    them all.

    `on_progress` gets the bytes that are read and their total. No target may exist. Raises
    ArchiveDamaged, where what was written is of no use, and DiskFull.
    """
    total = path.stat().st_size
    with _opened(path) as tar, tempfile.TemporaryFile(dir=target(ABOUT).parent) as sums:
        try:
            while member := _next(tar):
                source = _content(tar, member)
                if member.name == CHECKSUMS:
                    sums.seek(0)
                    _compare(source, sums)
                    return
                with full_disk_in_words():
                    digest = _write(source, target(member.name), member.name)
                    sums.write(_line(digest, member.name))
                on_progress(tar.offset, total)
        except (tarfile.TarError, ValueError):
            raise ArchiveDamaged("it cannot be read to its end.") from None
    raise ArchiveDamaged("it was cut short.")


def read_stream(folder: Path) -> Iterator[bytes]:
    """The bytes of a stream that was extracted to a folder, in pieces of 32 MB at most."""
    for file in sorted(folder.glob("*.gz")):
        unpacking = zlib.decompressobj(wbits=31)
        piece = unpacking.decompress(file.read_bytes(), _PIECE)
        if not unpacking.eof:
            raise ArchiveDamaged(f"“{file.name}” holds more than it may.")
        yield piece


def _pieces(chunks: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    piece = bytearray()
    for chunk in chunks:
        piece += chunk
        while len(piece) >= _PIECE:
            yield bytes(piece[:_PIECE])
            del piece[:_PIECE]
    yield bytes(piece)


def _line(digest: str, name: str) -> bytes:
    return f"{digest}  {name}\n".encode()


def _opened(path: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(path, "r:")
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror}.") from error
    except tarfile.TarError:
        raise BackupError(f"{path} is not a backup of FaceRoute.") from None


def _next(tar: tarfile.TarFile) -> tarfile.TarInfo | None:
    """The next file. Raises ArchiveDamaged where it is none that a backup holds, and TarError."""
    member = tar.next()
    _forget_members(tar)
    if member is None:
        return None
    plain = member.type in {tarfile.REGTYPE, tarfile.AREGTYPE} and not member.issparse()
    if not plain or not is_safe(member.name):
        raise ArchiveDamaged(f"“{member.name!a}” is no file that a backup holds.")
    return member


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(member)
    if content is None:
        raise ArchiveDamaged(f"“{member.name!a}” is no file that a backup holds.")
    return content


def _forget_members(tar: tarfile.TarFile) -> None:
    """A tar remembers every file that went through it, and there may be millions."""
    tar.members.clear()  # type: ignore[attr-defined]  # what the stubs leave out


def _write(source: IO[bytes], target: Path, name: str) -> str:
    """Copy to a file that must not exist; the SHA-256 of what was copied."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    hashed = _Hashed(source)
    try:
        with target.open("xb") as file:
            target.chmod(0o600)
            while data := hashed.read(_CHUNK):
                file.write(data)
    except FileExistsError:
        raise ArchiveDamaged(f"“{name}” is in it twice.") from None
    return hashed.digest()


def _compare(recorded: IO[bytes], found: IO[bytes]) -> None:
    """Raises ArchiveDamaged where the checksums differ."""
    for line in found:
        if recorded.readline() != line:
            name = PurePosixPath(line.decode().split("  ", 1)[1].strip())
            raise ArchiveDamaged(f"“{name}” is not what was written.")
    if recorded.read(1):
        raise ArchiveDamaged("files are missing from it.")
