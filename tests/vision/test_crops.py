"""Decoded crops: whole or not at all, gone on with after a kill, usable without their images."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.vision.training_set import make_curated
from vision.caches.crops import CropsUnusable, crops_folder, decode_crops, open_crops
from vision.caches.rows import ENTRY
from vision.data.crop_files import ExampleUnreadable, read_crop
from vision.data.utkface import Curated
from vision.diskspace import DiskFull

SIDE = 40
ROOT = Path(__file__).parents[2]


def quiet(_done: int, _total: int) -> None:
    pass


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return make_curated(tmp_path_factory.mktemp("images"), train=600, validation=40)


def test_the_array_holds_every_crop_in_order(curated: Curated, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    crops = decode_crops(curated, SIDE, tmp_path, lambda *progress: told.append(progress))
    assert crops.train.shape == (600, SIDE, SIDE, 3)
    for row in (0, 300, 599):
        expected = read_crop(curated.train[row].path.read_bytes(), SIDE)
        assert (crops.train[row] == expected).all()
    expected = read_crop(curated.validation[-1].path.read_bytes(), SIDE)
    assert (crops.validation[-1] == expected).all()
    assert told[0] == (0, 640)
    assert told == sorted(told)
    assert told[-1] == (640, 640)


def test_what_is_decoded_already_needs_no_image(curated: Curated, tmp_path: Path) -> None:
    once = decode_crops(curated, SIDE, tmp_path / "cache", quiet)
    travelled = tmp_path / "elsewhere" / "crops"
    shutil.copytree(crops_folder(curated, SIDE, tmp_path / "cache"), travelled)
    crops = open_crops(travelled)
    assert (crops.train == once.train).all()
    assert crops.curated.fingerprint == curated.fingerprint
    assert [one.labels for one in crops.curated.train] == [one.labels for one in curated.train]
    assert not crops.curated.test
    again = decode_crops(crops.curated, SIDE, tmp_path / "cache", quiet)
    assert len(again.validation) == 40


def test_a_kill_leaves_an_array_that_is_gone_on_with(curated: Curated, tmp_path: Path) -> None:
    folder = crops_folder(curated, SIDE, tmp_path)
    script = (
        "import time\n"
        "from pathlib import Path\n"
        "from tests.vision.training_set import make_curated\n"
        "from vision.caches.crops import decode_crops\n"
        f"curated = make_curated(Path({str(tmp_path / 'images')!r}), train=600, validation=40)\n"
        "hang = lambda done, total: time.sleep(60 if done >= 512 else 0)\n"
        f"decode_crops(curated, {SIDE}, Path({str(tmp_path)!r}), hang)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT) as process:
        index = folder / "index"
        deadline = time.monotonic() + 60
        while not (index.exists() and index.stat().st_size >= 512 * ENTRY):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    for name in ("rows", "index"):
        with (folder / name).open("ab") as file:
            file.write(b"half")  # as if the write itself had been cut off
    told: list[int] = []
    crops = decode_crops(curated, SIDE, tmp_path, lambda done, _total: told.append(done))
    assert told[0] == 512  # the chunks that were whole are kept
    fresh = decode_crops(curated, SIDE, tmp_path / "fresh", quiet)
    assert (crops.train == fresh.train).all()
    assert (crops.validation == fresh.validation).all()


def test_a_damaged_folder_is_said(curated: Curated, tmp_path: Path) -> None:
    decode_crops(curated, SIDE, tmp_path, quiet)
    folder = crops_folder(curated, SIDE, tmp_path)
    listed = json.loads((folder / "examples.json").read_text())
    (folder / "examples.json").write_text(json.dumps({**listed, "train": listed["train"][1:]}))
    with pytest.raises(CropsUnusable, match="do not fit"):
        open_crops(folder)
    (folder / "examples.json").write_bytes(b"damaged")
    with pytest.raises(CropsUnusable, match="no decoded crops"):
        open_crops(folder)


def test_an_image_that_is_gone_is_said(tmp_path: Path) -> None:
    curated = make_curated(tmp_path / "images", train=4, validation=2)
    curated.train[1].path.unlink()
    with pytest.raises(ExampleUnreadable, match=r"1\.png cannot be read"):
        decode_crops(curated, SIDE, tmp_path, quiet)


def test_a_disk_without_room_is_said_before_anything_is_written(
    curated: Curated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vision.caches.crops.free_bytes", lambda _folder: 1000)
    with pytest.raises(DiskFull, match="room for 1 kB"):
        decode_crops(curated, SIDE, tmp_path, quiet)
    assert not list(tmp_path.rglob("rows"))
