"""The file of a backup: what was written is read, and nothing else is taken for it."""

import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from faceroute_site.backup import archive
from faceroute_site.backup.archive import ArchiveDamaged, ArchiveWriter, BackupError, extract

FILES = {
    "backup.json": b'{"format": 1}',
    "media/photos/2026-01-31/a.jpg": b"a photo",
    "models/starter/manifest.json": b"",
    f"datasets/{'d' * 120}/{'e' * 120}": b"a name longer than a tar's header has room for",
}


def written(path: Path, files: dict[str, bytes] = FILES) -> Path:
    with path.open("wb") as file, ArchiveWriter(file, path.parent) as writer:
        for name, data in files.items():
            writer.add_bytes(name, data)
    return path


def extracted(path: Path, folder: Path) -> dict[str, bytes]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    extract(path, folder.joinpath, lambda _done, _total: None)
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_what_was_written_is_read(tmp_path: Path) -> None:
    assert extracted(written(tmp_path / "a.tar"), tmp_path / "out") == FILES


def test_usual_tools_read_and_verify_it(tmp_path: Path) -> None:
    written(tmp_path / "a.tar")
    subprocess.run(["tar", "-xf", "a.tar"], cwd=tmp_path, check=True)
    command = ["sha256sum", "--check", "--strict", "checksums.sha256"]
    checked = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert checked.stdout.splitlines() == [f"{name}: OK" for name in FILES]


def test_a_long_stream_is_read_in_bounded_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_PIECE", 1000)
    data = bytes(range(256)) * 40
    with (tmp_path / "a.tar").open("wb") as file, ArchiveWriter(file, tmp_path) as writer:
        writer.add_stream("database/x", [data[:10], data[10:9000], memoryview(data)[9000:]])
    extracted(tmp_path / "a.tar", tmp_path / "out")
    pieces = list(archive.read_stream(tmp_path / "out" / "database" / "x"))
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) == 1000
    monkeypatch.setattr(archive, "_PIECE", 999)
    with pytest.raises(ArchiveDamaged, match="holds more than it may"):
        list(archive.read_stream(tmp_path / "out" / "database" / "x"))


def test_whatever_byte_is_flipped_it_is_found_or_changes_nothing(tmp_path: Path) -> None:
    whole = written(tmp_path / "a.tar").read_bytes()
    damaged = tmp_path / "damaged.tar"
    found = 0
    for place in range(0, len(whole), 17):
        data = bytearray(whole)
        data[place] ^= 1 << place % 8
        damaged.write_bytes(data)
        try:
            assert extracted(damaged, tmp_path / "out") == FILES
        except BackupError:
            found += 1
    assert found > 100  # the rest is what fills a tar's blocks


def test_an_archive_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    whole = written(tmp_path / "a.tar").read_bytes()
    last = tarfile.open(tmp_path / "a.tar").getmembers()[-1]  # noqa: SIM115
    cut = tmp_path / "cut.tar"
    for end in range(1, last.offset_data + last.size, 389):
        cut.write_bytes(whole[:end])
        with pytest.raises(BackupError):
            extracted(cut, tmp_path / "out")


def plain(name: str) -> tarfile.TarInfo:
    return tarfile.TarInfo(name)


def special(kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo("media/photos/x")
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    "member",
    [
        plain("../x"),
        plain("media/../../x"),
        plain("/media/x"),
        plain("media//x"),
        plain("media/./x"),
        plain("media\\x"),
        plain("media/x\ny"),
        plain("elsewhere/x"),
        plain("restore.unfinished"),
        special(tarfile.SYMTYPE, "/etc/passwd"),
        special(tarfile.LNKTYPE, "backup.json"),
        special(tarfile.DIRTYPE),
        special(tarfile.FIFOTYPE),
        special(tarfile.CHRTYPE),
    ],
    ids=repr,
    ids=lambda member: f"{member.name!r} {member.type!r}",
)
def test_nothing_leads_out_of_the_folder(tmp_path: Path, member: tarfile.TarInfo) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(member, io.BytesIO())
    with pytest.raises(ArchiveDamaged, match="no file that a backup holds"):
        extracted(tmp_path / "a.tar", tmp_path / "out")
    assert {path.name for path in tmp_path.rglob("*")} == {"a.tar", "out"}


def test_a_file_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(plain("media/x"))
        tar.addfile(plain("media/x"))
    with pytest.raises(ArchiveDamaged, match="twice"):
        extracted(tmp_path / "a.tar", tmp_path / "out")


@pytest.mark.parametrize("name", ["../x", "x", "media/a\nb"])
def test_no_such_name_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(BackupError, match="no archive may hold"):
        written(tmp_path / "a.tar", {name: b""})


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b"no tar at all" * 100),
        lambda path: path.write_bytes(b""),
        lambda path: written(path, {"media/x": b""}),
        lambda path: written(path, {"backup.json": b"{"}),
        lambda path: written(path, {"backup.json": b"[]"}),
        lambda path: path.mkdir(),
        lambda path: path.with_name("other").touch(),
    ],
    ids=["noise", "empty", "another file first", "no JSON", "a list", "a folder", "not there"],
)
def test_what_is_no_backup_is_said_in_a_sentence(
    tmp_path: Path, write: Callable[[Path], object]
) -> None:
    write(tmp_path / "a.tar")
    with pytest.raises(BackupError, match=r"\.$"):
        archive.read_about(tmp_path / "a.tar")
