"""`backup` and `restore`: a site in use is written to one file, and is there again elsewhere."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from faceroute_site.backup.archive import ArchiveWriter
from tests.processes import ROOT, Stack, wait_until
from tests.s3 import Bucket

pytestmark = pytest.mark.processes


class Site(Stack):
    """A site that is filled, and says what it holds."""

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
        )

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self.run("manage.py", *arguments)

    def furnished(self, *arguments: str) -> dict[str, Any]:
        done = self.run("-m", "tests.site.furnished", *arguments)
        assert done.returncode == 0, done.stderr
        said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return said

    def fill(self) -> tuple[str, str]:
        self.manage("migrate", "--noinput", "--verbosity", "0")
        self.manage("register_starter")
        told = self.furnished("fill")
        return told["key"], told["cookie"]

    def has_tables(self) -> bool:
        script = "from django.db import connection as c; print(len(c.introspection.table_names()))"
        done = self.run("manage.py", "shell", "--no-imports", "-c", script)
        return int(done.stdout) > 0


NewSite = Callable[[], Site]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def new_site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NewSite]:
    """Makes a site of its own, of one kind of database, with nothing in it."""
    sites: list[Site] = []

    def make() -> Site:
        url = ""
        if request.param == "postgresql":
            url = request.getfixturevalue("new_database")()
        folder = tmp_path_factory.mktemp("site")
        # A path may hold what means something in a URL.
        sites.append(Site(folder / "a b", logs=folder, DATABASE_URL=url, SECRET_KEY=""))
        return sites[-1]

    yield make
    for site in sites:
        site.__exit__(None, None, None)


class Original(NamedTuple):
    """A site that has something of everything, for reading; what it says, and a backup of it."""

    site: Site
    told: tuple[str, str]
    said: dict[str, Any]
    report: dict[str, Any]
    archive: Path


@pytest.fixture(scope="module")
def original(new_site: NewSite) -> Original:
    site = new_site()
    told = site.fill()
    archive = site.data_dir.parent / "site.tar"
    report = saved(site, archive)
    return Original(site, told, site.furnished("say", *told), report, archive)


@pytest.fixture
def plain_site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path / "plain", logs=tmp_path, DATABASE_URL="", SECRET_KEY="") as site:
        yield site


@pytest.fixture
def empty_site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path / "empty", logs=tmp_path, DATABASE_URL="", SECRET_KEY="") as site:
        yield site


@pytest.fixture
def postgresql_site(tmp_path: Path, database: str) -> Iterator[Site]:
    with Site(tmp_path / "bigger", logs=tmp_path, DATABASE_URL=database, SECRET_KEY="") as site:
        yield site


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "site.tar"


def saved(site: Site, archive: Path, *options: str) -> dict[str, Any]:
    done = site.command("backup", str(archive), "--json", *options)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_everything_says_the_same_in_another_place(new_site: NewSite, original: Original) -> None:
    report, archive, said = original.report, original.archive, original.said
    assert report["files"] == {"media": 10, "models": 6, "datasets": 41 + 5}
    assert (report["lost"], report["deleted_meanwhile"], report["secret_key"]) == ([], 0, True)
    assert archive.stat().st_mode & 0o777 == 0o600
    assert sorted(archive.parent.glob("*.tar*")) == [archive]
    assert said["browser"][:3] == [200, True, 200]
    assert len(said["rest"]) == 2 + 4

    other = new_site()
    done = other.command("restore", str(archive))
    assert done.returncode == 0, done.stderr
    assert "Start the site with `make run`" in done.stdout
    goes_on(other, original.told, said)


def goes_on(restored: Site, told: tuple[str, str], said: dict[str, Any]) -> None:
    after = restored.furnished("say", *told)
    for part, before in said.items():
        assert after[part] == before, part
    assert not list(restored.data_dir.rglob("*unfinished*"))
    assert restored.command("migrate", "--check").returncode == 0
    # What is new gets a number of its own.
    script = "from training.models import Dataset; print(Dataset.objects.create(name='new').pk)"
    made = restored.run("manage.py", "shell", "--no-imports", "-c", script)
    assert int(made.stdout) == 2, made.stderr


def send(url: str, key: str, photo: bytes) -> str:
    boundary = uuid.uuid4().hex
    head = 'Content-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
    body = f"--{boundary}\r\n{head}".encode() + photo + f"\r\n--{boundary}--\r\n".encode()
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": f"multipart/form-data; boundary={boundary}",
    }
    request = urllib.request.Request(f"{url}/api/v1/predictions/", body, headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        sent: str = json.load(answer)["id"]
        return sent


def test_photos_arrive_while_it_is_made_and_each_is_in_it_whole_or_not_at_all(
    new_site: NewSite, archive: Path, faceless_bytes: bytes
) -> None:
    site, other = new_site(), new_site()
    key, cookie = site.fill()
    _web, url = site.start_web(processes=2)
    sent: list[str] = []
    enough = threading.Event()

    def keep_sending() -> None:
        while not enough.is_set():
            sent.append(send(url, key, faceless_bytes))

    senders = [threading.Thread(target=keep_sending) for _ in range(2)]
    for sender in senders:
        sender.start()
    # By then both processes of the web have begun to open photos, which takes a while.
    wait_until(lambda: len(sent) > 20, "photos arrive")
    before = list(sent)
    report = saved(site, archive)
    after = len(sent)
    wait_until(lambda: len(sent) > after + 2, "photos go on arriving")
    enough.set()
    for sender in senders:
        sender.join()
    assert report["lost"] == []
    assert after > len(before), "the trial was too quick to tell anything"

    assert other.command("restore", str(archive)).returncode == 0
    there, here = (one.furnished("say", key, cookie)["rest"] for one in (site, other))
    assert set(before) <= set(here) < set(there)
    assert all(here[name] == there[name] for name in here if name != "models")
    photos = [here[name]["images"] for name in here if name in sent]
    assert all(status == 200 for images in photos for status, _sum in images)


# In the midst of the files one photo is deleted, of another the file is lost, and somebody else
# wants to write the same archive.
_MEANWHILE = """
import json, sys, django
from pathlib import Path
django.setup()
from faceroute_site.backup.archive import BackupError
from faceroute_site.backup.saving import back_up
from predictions.models import Photo
from predictions.uploads import delete_prediction
deleted, lost = Photo.objects.order_by("pk")[1:3]
said = []
def meanwhile(phase, done, total):
    if phase == "files" and done == 0:
        delete_prediction(deleted.predictions.get())
        lost.image.storage.delete(lost.image.name)
        try:
            back_up(Path(sys.argv[1]), media=True, on_progress=lambda *_: None)
        except BackupError as error:
            said.append(str(error))
saved = back_up(Path(sys.argv[1]), media=True, on_progress=meanwhile)
gone = [f"media/{file.name}" for file in (deleted.image, deleted.thumbnail, lost.image)]
print(json.dumps([said, saved.deleted, saved.lost, dict(saved.files), gone]))
"""


def test_what_is_deleted_meanwhile_is_told_from_what_is_lost(
    new_site: NewSite, archive: Path
) -> None:
    site, other = new_site(), new_site()
    key, cookie = site.fill()
    done = site.run("-c", _MEANWHILE, str(archive))
    assert done.returncode == 0, done.stderr
    [said], deleted, lost, counts, gone = json.loads(done.stdout)
    assert "Another backup is writing" in said
    assert (deleted, lost) == (2, gone[2:])
    assert counts == {"media": 10 - 3, "models": 6, "datasets": 46}

    restored = json.loads(other.command("restore", str(archive), "--json").stdout)
    assert sorted(restored["missing"]) == sorted(gone)
    answers = other.furnished("say", key, cookie)["rest"]
    statuses = [answers[name]["images"][0][0] for name in answers if "images" in answers[name]]
    assert sorted(statuses) in ([200, 200, 404, 404], [200, 200, 200, 404])


def _as_from_a_terminal() -> None:
    """Shells have what they start in the background ignore Ctrl-C, and so all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def stopped_when(site: Site, condition: Callable[[], bool], how: int, *command: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=site.environment,
        stderr=subprocess.DEVNULL,
        preexec_fn=_as_from_a_terminal,  # noqa: PLW1509  # no thread runs here
    )
    while not condition():
        assert process.poll() is None, "it was done before it could be stopped"
        time.sleep(0.001)
    process.send_signal(how)
    assert process.wait() == -how


def grows(path: Path, size: int) -> Callable[[], bool]:
    return lambda: path.exists() and path.stat().st_size > size


@pytest.mark.parametrize(("size", "how"), [(20 * 2**20, signal.SIGKILL), (0, signal.SIGINT)])
def test_a_backup_that_is_stopped_leaves_no_archive_and_the_next_has_all(
    plain_site: Site, archive: Path, size: int, how: signal.Signals
) -> None:
    site = plain_site
    site.fill()
    unfinished = Path(f"{archive}.unfinished")
    stopped_when(site, grows(unfinished, size), how, "backup", str(archive))
    assert not archive.exists()
    assert unfinished.exists() == (how == signal.SIGKILL)
    assert saved(site, archive)["files"]["models"] == 6
    assert sorted(archive.parent.glob("*.tar*")) == [archive]


# The process kills itself where a restore reports this; nothing in it can tell that from an
# operator's kill -9.
_SUICIDE = """
import os, signal, sys, django
from pathlib import Path
django.setup()
from faceroute_site.backup.restoring import restore
phase, least = sys.argv[2], int(sys.argv[3])
restore(
    Path(sys.argv[1]),
    lambda now, done, _: now == phase and done >= least and os.kill(os.getpid(), signal.SIGKILL),
)
"""


@pytest.mark.parametrize(
    ("phase", "done"),
    [("verifying", 20 * 2**20), ("database", 0), ("database: checking", 0)],
)
def test_a_killed_restore_shows_nothing_or_is_finished_by_another(
    new_site: NewSite, original: Original, phase: str, done: int
) -> None:
    other, archive = new_site(), original.archive
    if phase == "database: checking" and not other.environment["DATABASE_URL"]:
        pytest.skip("SQLite's file is renamed, with nothing left to check.")
    killed = other.run("-c", _SUICIDE, str(archive), phase, str(done))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not other.has_tables()
    if phase == "verifying":
        assert not [path for path in other.data_dir.glob("*/*") if "unfinished" not in str(path)]
    else:
        assert "faceroute.E007" in other.command("serve").stderr

    finished = other.command("restore", str(archive))
    assert finished.returncode == 0, finished.stderr
    assert other.furnished("say", *original.told) == original.said
    assert not list(other.data_dir.rglob("*unfinished*"))


def refused(site: Site, *command: str) -> str:
    """The one sentence, or two, that a command ends with; nothing has been changed by it."""
    done = site.command(*command)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("CommandError: ")
    return line.removeprefix("CommandError: ")


def test_what_is_damaged_missing_or_there_already_is_said(
    plain_site: Site, empty_site: Site, archive: Path
) -> None:
    assert "no database to back up yet" in refused(plain_site, "backup", str(archive))
    told = plain_site.fill()
    shutil.rmtree(plain_site.data_dir / "media" / "thumbnails")
    report = saved(plain_site, archive)
    assert (len(report["lost"]), report["deleted_meanwhile"]) == (5, 0)
    assert all(name.startswith("media/thumbnails/") for name in report["lost"])
    assert "already" in refused(plain_site, "backup", str(archive))

    data = bytearray(archive.read_bytes())
    with tarfile.open(archive) as tar:
        [weights] = (one for one in tar if one.name.endswith("starter-10/weights.safetensors"))
    data[weights.offset_data + weights.size // 2] ^= 1
    damaged = archive.with_name("damaged.tar")
    damaged.write_bytes(data)
    assert "“models/starter-10/weights.safetensors” is not what was written" in refused(
        empty_site, "restore", str(damaged)
    )
    assert not [path for path in empty_site.data_dir.rglob("*") if path.parent.name == "models"]
    assert not empty_site.has_tables()

    assert "The database is not empty" in refused(plain_site, "restore", str(archive))
    in_the_way = empty_site.data_dir / "datasets" / "ab" / "x"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.touch()
    assert "There are files in" in refused(empty_site, "restore", str(archive))
    shutil.rmtree(empty_site.data_dir / "datasets")
    done = empty_site.command("restore", str(archive), "--json")
    assert json.loads(done.stdout)["missing"] == report["lost"]
    # Photos without their files: pages and lists work.
    assert empty_site.furnished("say", *told) == plain_site.furnished("say", *told)


def about(**changes: Any) -> dict[str, Any]:
    return {
        "format": 1,
        "id": str(uuid.uuid4()),
        "version": "0.1.0",
        "created_at": "2026-01-31T12:00:00+00:00",
        "database": "sqlite",
        "media": True,
        "migrations": [["training", "0001_initial", "2026-01-31T12:00:00+00:00"]],
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 2}, "The archive has format 2; this FaceRoute reads 1."),
        (
            {"version": "9.0", "migrations": [["training", "0999_more", "2026-01-31"]]},
            "written by a newer FaceRoute (9.0; here runs 0.1.0, which does not know "
            "training.0999_more)",
        ),
        ({"database": "postgresql"}, "holds a postgresql database, and DATABASE_URL names one of"),
        ({"migrations": None}, "The archive is damaged"),
        ({"id": "../x"}, "The archive is damaged"),
    ],
)
def test_an_archive_that_this_code_cannot_bring_back_is_refused(
    empty_site: Site, archive: Path, changes: dict[str, Any], words: str
) -> None:
    with archive.open("wb") as file, ArchiveWriter(file, archive.parent) as writer:
        writer.add_bytes("backup.json", json.dumps(about(**changes)).encode())
    assert words in refused(empty_site, "restore", str(archive))


def test_what_is_in_a_storage_comes_along_and_photos_may_stay_there(
    plain_site: Site, empty_site: Site, archive: Path, s3_server: int
) -> None:
    old, new = Bucket(s3_server), Bucket(s3_server)
    for site, bucket in ((plain_site, old), (empty_site, new)):
        bucket.create()
        site.environment |= bucket.environment
    told = plain_site.fill()
    said = plain_site.furnished("say", *told)
    images = list((plain_site.data_dir / "datasets").glob("??/*"))
    for path in images:
        old.write(f"datasets/{path.name}", path.read_bytes())
    for folder in ("models", "datasets"):  # the machine that is backed up has no copy of any
        shutil.rmtree(plain_site.data_dir / folder)
    without = archive.with_name("without.tar")
    assert "media" not in saved(plain_site, without, "--without-media")["files"]
    assert saved(plain_site, archive)["files"]["media"] == 10
    done = empty_site.command("restore", str(archive))
    assert done.returncode == 0, done.stderr
    assert empty_site.furnished("say", *told) == said
    assert not (empty_site.data_dir / "media").exists()
    shared = {name for name in old.names() if name.startswith(("models/", "datasets/"))}
    assert len(shared) > len(images)
    assert shared <= new.names()

    shutil.rmtree(empty_site.data_dir)
    empty_site.data_dir.mkdir()
    assert "There are files where photos are kept" in refused(empty_site, "restore", str(archive))
    assert "made without photos" in empty_site.command("restore", str(without)).stdout
    assert empty_site.furnished("say", *told) == said


def test_a_site_on_sqlite_goes_on_on_postgresql(
    plain_site: Site, postgresql_site: Site, archive: Path
) -> None:
    told = plain_site.fill()
    script = (
        "from django.db import connection as c; c.cursor().execute('CREATE TABLE own (id integer)')"
    )
    assert plain_site.run("manage.py", "shell", "--no-imports", "-c", script).returncode == 0
    saved(plain_site, archive)
    killed = postgresql_site.run("-c", _SUICIDE, str(archive), "database: checking", "0")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not postgresql_site.has_tables()
    done = postgresql_site.command("restore", str(archive), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tables_left_out"] == ["own"]
    goes_on(postgresql_site, told, plain_site.furnished("say", *told))


def test_what_only_sqlite_takes_is_said_with_its_table(
    plain_site: Site, postgresql_site: Site, archive: Path
) -> None:
    plain_site.fill()
    script = "from predictions.models import Photo; print(Photo.objects.update(name='a' * 300))"
    done = plain_site.run("manage.py", "shell", "--no-imports", "-c", script)
    assert done.returncode == 0, done.stderr
    saved(plain_site, archive)
    words = refused(postgresql_site, "restore", str(archive))
    assert words.startswith("The table predictions_photo holds what PostgreSQL does not take: ")
    assert not postgresql_site.has_tables()


def test_a_disk_without_room_is_said_before_anything_is_written(
    plain_site: Site, archive: Path
) -> None:
    plain_site.manage("migrate", "--noinput", "--verbosity", "0")
    huge = plain_site.data_dir / "datasets" / "ab" / "huge"
    huge.parent.mkdir(parents=True)
    huge.touch()
    os.truncate(huge, 2**43)  # it takes no room itself
    assert "The backup needs up to 8796." in refused(plain_site, "backup", str(archive))
    assert not list(archive.parent.glob("*.tar*"))
