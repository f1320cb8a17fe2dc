"""The data folder is private, its key whole; what lies at a place of before is not forgotten."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from faceroute_site import data_folder
from faceroute_site.environment import SettingInvalid
from tests.processes import ROOT, Stack


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder as earlier versions made it, readable for everybody."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    (folder / "db.sqlite3").touch()
    (folder / "db.sqlite3").chmod(0o644)
    return folder


def test_a_folder_of_before_is_made_private(folder: Path) -> None:
    data_folder.prepare(folder)
    assert mode(folder) == 0o700
    assert mode(folder / "db.sqlite3") == 0o600


def test_a_folder_for_everybody_is_left_as_it_is(folder: Path) -> None:
    folder.chmod(0o1777)
    data_folder.prepare(folder)
    assert folder.stat().st_mode & 0o7777 == 0o1777


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_folder_of_another_user_is_left_as_it_is(folder: Path) -> None:
    os.chown(folder, 12345, 12345)
    data_folder.prepare(folder)
    assert mode(folder) == 0o755


def test_everything_that_a_command_writes_is_private(tmp_path: Path) -> None:
    with Stack(tmp_path / "data", logs=tmp_path) as stack:
        stack.manage("migrate", "contenttypes", "--verbosity", "0")
    assert mode(stack.data_dir) == 0o700
    written = [path for path in stack.data_dir.rglob("*") if path.is_file()]
    assert {path.name for path in written} >= {"db.sqlite3", "secret_key"}
    assert [path for path in written if mode(path) != 0o600] == []


@pytest.mark.parametrize("left", [b"", b"\n", bytes(50)])
def test_a_key_that_was_never_written_is_made_anew(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "secret_key").write_bytes(left)
    key = data_folder.own_secret_key(tmp_path)
    assert len(key) >= 50
    assert data_folder.own_secret_key(tmp_path) == key


def test_a_key_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    """Killed at any moment, by a limit on what may be written, nothing of it is left."""
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from faceroute_site import data_folder\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))\n"
        "data_folder.own_secret_key(Path(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode != 0
    assert not (tmp_path / "secret_key").exists()
    assert len(data_folder.own_secret_key(tmp_path)) >= 50


def test_many_that_start_at_once_make_one_key(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from faceroute_site import data_folder\n"
        "print(data_folder.own_secret_key(Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    assert len({process.communicate()[0] for process in running}) == 1


@pytest.mark.parametrize("name", ["a#b", "a?b", "a+b", "a%20b"])
def test_a_database_that_lies_where_a_url_led_is_not_forgotten(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name / "var"
    mistaken = {
        "a#b": tmp_path / "a",
        "a?b": tmp_path / "a",
        "a+b": tmp_path / "a b" / "var" / "db.sqlite3",
        "a%20b": tmp_path / "a b" / "var" / "db.sqlite3",
    }[name]
    data_folder.ensure_no_database_lies_elsewhere(folder)
    mistaken.parent.mkdir(parents=True, exist_ok=True)
    mistaken.write_bytes(b"SQLite format 3\0")
    with pytest.raises(SettingInvalid) as refused:
        data_folder.ensure_no_database_lies_elsewhere(folder)
    assert f"in {mistaken}," in str(refused.value)
    assert f"is {folder / 'db.sqlite3'}," in str(refused.value)
    folder.mkdir(parents=True)
    mistaken.rename(folder / "db.sqlite3")
    data_folder.ensure_no_database_lies_elsewhere(folder)


def test_data_in_a_folder_named_like_home_are_not_forgotten(tmp_path: Path) -> None:
    home, checkout = tmp_path / "home", tmp_path / "checkout"
    mistaken = checkout / "~" / "x"
    mistaken.mkdir(parents=True)
    (mistaken / "secret_key").write_text("k" * 50)
    environment = Stack(home, logs=tmp_path).environment | {
        "HOME": str(home),
        "FACEROUTE_DATA_DIR": "~/x",
    }

    def check() -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, str(ROOT / "manage.py"), "check"]
        return subprocess.run(
            command, cwd=checkout, env=environment, capture_output=True, text=True, check=False
        )

    refused = check()
    assert refused.returncode == 1
    assert f"in {mistaken}," in refused.stderr
    assert f"is {home / 'x'}," in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not home.exists()
    home.mkdir()
    mistaken.rename(home / "x")
    assert check().returncode == 0
    assert (home / "x" / "secret_key").read_text() == "k" * 50


ODD = "a#b?c+d%20e 한글 \"q'&=;@:x"


def test_a_checkout_may_be_called_whatever(tmp_path: Path, migrated: Path) -> None:
    """Also by what means something in a URL; `make run` in such a data folder: test_serve.py."""
    checkout = tmp_path / ODD
    for package in ("faceroute_site", "predictions", "training", "vision", "templates", "locale"):
        shutil.copytree(ROOT / package, checkout / package)
    shutil.copy(ROOT / "manage.py", checkout)
    (checkout / "var").mkdir()
    shutil.copy(migrated, checkout / "var")
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--check"],
        cwd=checkout,
        env=Stack(tmp_path, logs=tmp_path).environment | {"FACEROUTE_DATA_DIR": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == [ODD]
