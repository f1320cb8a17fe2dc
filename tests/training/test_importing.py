"""Bringing images into a dataset: nothing fatal but the path, nothing twice, nothing leaked."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.factories import DatasetFactory
from tests.training.utkface import jpeg, random_files, write_folder, write_zip
from training.datasets import deletion, example_files
from training.datasets.curations import curated, current, selection
from training.datasets.face_search import look_for_faces
from training.datasets.importing import clean, import_files
from training.models import Dataset

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def dataset_root(settings: Any, tmp_path: Path) -> Path:
    settings.DATASET_ROOT = tmp_path / "kept"
    return tmp_path / "kept"


@pytest.fixture
def dataset(db: None) -> Dataset:
    dataset: Dataset = DatasetFactory.create()
    return dataset


def import_(dataset: Dataset, path: Path) -> int:
    return import_files(dataset, path, lambda *_: None).changed


def reasons(dataset: Dataset) -> dict[str, str]:
    return dict(dataset.samples.values_list("name", "reason"))


def encoded(image: Image.Image, kind: str) -> bytes:
    data = io.BytesIO()
    image.save(data, kind)
    return data.getvalue()


def test_a_second_run_changes_nothing(dataset: Dataset, tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "utk.zip", random_files(30))
    assert import_(dataset, archive) == 30
    before = list(dataset.samples.order_by("pk").values())
    assert import_(dataset, archive) == 0
    assert list(dataset.samples.order_by("pk").values()) == before


def test_a_folder_goes_on_where_a_zip_of_the_same_files_ended(
    dataset: Dataset, tmp_path: Path
) -> None:
    made = random_files(20)
    half = dict(list(made.items())[:10])
    assert import_(dataset, write_zip(tmp_path / "half.zip", half)) == 10
    assert import_(dataset, write_folder(tmp_path / "whole", made)) == 10


def test_whatever_is_wrong_with_a_file_is_its_reason_and_the_rest_is_imported(
    dataset: Dataset, tmp_path: Path
) -> None:
    picture = Image.open(io.BytesIO(jpeg(1)))
    grey16 = Image.new("I;16", (64, 64), 40_000)
    archive = write_zip(
        tmp_path / "utk.zip",
        {
            "good/20_0_0_1.jpg": jpeg(2),
            "39_1_20170116174525125.jpg.chip.jpg": jpeg(3),
            "200_1_0_2.jpg": jpeg(4),
            "../20_0_0_3.jpg": jpeg(5),
            "20_0_0_4.jpg": b"This is a text, whatever it is called.",
            "20_0_0_5.jpg": jpeg(6)[:500],
            "20_0_0_6.jpg": encoded(picture.convert("CMYK"), "JPEG"),
            "20_0_0_7.png": encoded(grey16, "PNG"),
            "20_0_0_8.jpg": b"\0" * (25 * 2**20),
        },
    )
    assert import_(dataset, archive) == 9
    assert reasons(dataset) == {
        "good/20_0_0_1.jpg": "",
        "39_1_20170116174525125.jpg.chip.jpg": "malformed_name",
        "200_1_0_2.jpg": "label_out_of_range",
        "../20_0_0_3.jpg": "unsafe_name",
        "20_0_0_4.jpg": "unreadable",
        "20_0_0_5.jpg": "unreadable",
        "20_0_0_6.jpg": "",
        "20_0_0_7.png": "",
        "20_0_0_8.jpg": "unreadable",
    }
    assert not list(tmp_path.glob("*.jpg"))


def test_a_ten_gigabyte_bomb_is_one_unreadable_file(dataset: Dataset, tmp_path: Path) -> None:
    """The header claims 10 GB; another member lies about its size and unpacks to more."""
    archive = write_zip(tmp_path / "utk.zip", {"20_0_0_1.jpg": jpeg(1), "20_0_0_2.jpg": b"\0" * 10})
    raw = bytearray(archive.read_bytes())
    entry = raw.rindex(b"PK\x01\x02")
    raw[entry + 24 : entry + 28] = (2**32 - 2).to_bytes(4, "little")
    archive.write_bytes(bytes(raw))
    with zipfile.ZipFile(archive) as opened:
        assert opened.getinfo("20_0_0_2.jpg").file_size > 4 * 10**9
    import_(dataset, archive)
    assert reasons(dataset) == {"20_0_0_1.jpg": "", "20_0_0_2.jpg": "unreadable"}


def test_a_member_that_unpacks_to_more_than_it_says_is_one_unreadable_file(
    dataset: Dataset, tmp_path: Path
) -> None:
    big = {"20_0_0_1.jpg": jpeg(1), "20_0_0_2.jpg": b"\0" * (60 * 2**20)}
    archive = write_zip(tmp_path / "utk.zip", big)
    raw = bytearray(archive.read_bytes())
    entry = raw.rindex(b"PK\x01\x02")
    raw[entry + 24 : entry + 28] = (10_000).to_bytes(4, "little")
    archive.write_bytes(bytes(raw))
    with zipfile.ZipFile(archive) as opened:
        assert opened.getinfo("20_0_0_2.jpg").file_size == 10_000
    import_(dataset, archive)
    assert reasons(dataset) == {"20_0_0_1.jpg": "", "20_0_0_2.jpg": "unreadable"}


def test_nothing_half_imported_passes_for_usable(dataset: Dataset, tmp_path: Path) -> None:
    """An import that is cut off before its cleaning leaves figures and splits that still work."""

    def cut_off(phase: str, *_: int) -> None:
        if phase == "copies":
            raise RuntimeError

    odd = {"39_1_2017.jpg": jpeg(1), "30_0_0_2.jpg": b"no image", "30_0_0_3.jpg": jpeg(3)}
    with pytest.raises(RuntimeError):
        import_files(dataset, write_folder(tmp_path / "in", odd), cut_off)
    assert [c.name for c, _ in selection(dataset, "full").chosen] == ["30_0_0_3.jpg"]


def test_images_without_a_face_are_set_aside_and_looked_at_once(
    dataset: Dataset, tmp_path: Path, photo_bytes: bytes, faceless_bytes: bytes
) -> None:
    made = {"30_1_0_1.jpg": photo_bytes, "3_0_0_2.jpg": faceless_bytes, "4_0_0_3.jpg": b"no image"}
    import_(dataset, write_folder(tmp_path / "in", made))
    told: list[tuple[int, int]] = []
    assert look_for_faces(dataset, lambda _phase, done, total: told.append((done, total))) == 1
    clean(dataset, lambda *_: None)
    assert told[-1] == (2, 2)
    assert reasons(dataset) == {
        "30_1_0_1.jpg": "",
        "3_0_0_2.jpg": "no_face",
        "4_0_0_3.jpg": "unreadable",
    }
    assert look_for_faces(dataset, lambda *_: None) == 0


def test_copies_are_found_across_imports(dataset: Dataset, tmp_path: Path) -> None:
    import_(dataset, write_folder(tmp_path / "one", {"30_0_0_1.jpg": jpeg(1)}))
    again = {"31_0_0_2.jpg": jpeg(1), "20_1_1_3.jpg": jpeg(2)}
    import_(dataset, write_folder(tmp_path / "two", again))
    assert reasons(dataset) == {
        "30_0_0_1.jpg": "conflicting_ages",
        "31_0_0_2.jpg": "conflicting_ages",
        "20_1_1_3.jpg": "",
    }
    assert dataset.samples.values("group").distinct().count() == 2


def test_a_mended_file_replaces_the_broken_one(dataset: Dataset, tmp_path: Path) -> None:
    other = {"30_0_0_2.jpg": jpeg(2)}
    import_(dataset, write_folder(tmp_path / "in", other | {"30_0_0_1.jpg": jpeg(1)[:200]}))
    assert reasons(dataset)["30_0_0_1.jpg"] == "unreadable"
    import_(dataset, write_folder(tmp_path / "in", other | {"30_0_0_1.jpg": jpeg(1)}))
    assert reasons(dataset)["30_0_0_1.jpg"] == ""


def test_contents_are_kept_once_under_their_digest(dataset: Dataset, tmp_path: Path) -> None:
    two_names = {"30_0_0_1.jpg": jpeg(1), "30_0_0_2.jpg": jpeg(1)}
    import_(dataset, write_folder(tmp_path / "in", two_names))
    [digest] = set(dataset.samples.values_list("digest", flat=True))
    assert example_files.path_of(digest).read_bytes() == jpeg(1)
    deletion.delete(Dataset.objects.filter(pk=dataset.pk))
    assert not example_files.path_of(digest).exists()


def test_no_content_and_no_group_is_in_two_splits(dataset: Dataset, tmp_path: Path) -> None:
    made = random_files(300)
    copies = {name.replace("UTKFace/", "again/copy_of_"): data for name, data in made.items()}
    renamed = {
        f"more/{name.rpartition('/')[2].replace('.jpg.chip', 'x.jpg.chip')}": data
        for name, data in list(made.items())[::3]
    }
    import_(dataset, write_folder(tmp_path / "in", made | copies | renamed))
    for recipe in ("classic", "full"):
        found = curated(dataset, recipe)
        groups = defaultdict(set)
        group_of = dict(dataset.samples.values_list("digest", "group"))
        for split in ("train", "validation", "test"):
            for example in getattr(found, split):
                groups[group_of[example.digest]].add(split)
                assert example.path.is_file()
        assert {len(splits) for splits in groups.values()} == {1}


def test_killed_half_way_and_run_again_it_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    made = random_files(1500)
    archive = write_zip(tmp_path / "utk.zip", made)
    whole = run_command(tmp_path / "undisturbed", archive)

    environment = environment_of(tmp_path / "killed")
    process = subprocess.Popen(command(archive), cwd=ROOT, env=environment, stdout=subprocess.PIPE)
    kept = tmp_path / "killed" / "datasets"
    while len(list(kept.glob("??/*"))) < 500:
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(list(kept.glob("??/*"))) < 1500
    assert run_command(tmp_path / "killed", archive) == whole
    assert whole["funnel"][0]["count"] == 1500


def command(archive: Path) -> list[str]:
    return [sys.executable, "manage.py", "import_dataset", str(archive), "--json"]


def environment_of(data_dir: Path) -> dict[str, str]:
    own = {"FACEROUTE_DATA_DIR": str(data_dir), "DATABASE_URL": ""}
    own |= {"FACEROUTE_LEASE_SECONDS": "5"}  # for so long a killed import counts as under way
    return os.environ | own | {"DJANGO_SETTINGS_MODULE": "faceroute_site.settings"}


def run_command(data_dir: Path, archive: Path) -> dict[str, Any]:
    done = subprocess.run(
        command(archive), cwd=ROOT, env=environment_of(data_dir), check=True, capture_output=True
    )
    report: dict[str, Any] = json.loads(done.stdout)
    assert set(report) >= {"funnel", "counts"}
    assert all(set(step) == {"step", "count", "reasons"} for step in report["funnel"])
    return report


@pytest.mark.skipif(
    "FACEROUTE_UTKFACE" not in os.environ,
    reason="FACEROUTE_UTKFACE does not name UTKFace's archive, which may not be distributed.",
)
def test_utkface_has_the_counts_that_an_independent_look_finds(dataset: Dataset) -> None:
    archive = Path(os.environ["FACEROUTE_UTKFACE"])
    import_(dataset, archive)
    seen = _independent_counts(archive)
    found = Counter(dataset.samples.values_list("reason", flat=True))
    assert found["malformed_name"] == seen["malformed"] == 3
    for reason in ("conflicting_classes", "conflicting_ages", "exact_duplicate"):
        assert found[reason] == seen[reason]
    assert not {"unreadable", "label_out_of_range", "unsafe_name"} & set(found)
    classic = current(dataset)["classic"]
    assert classic.funnel[-1]["count"] == 3 * seen["smallest"]
    races: Counter[int] = Counter()
    for _split, race, _gender, _age, count in classic.cells:
        races[race] += count
    assert races == dict.fromkeys(range(3), seen["smallest"])
    tests = {
        recipe: {c.digest for c, split in selection(dataset, recipe).chosen if split == "test"}
        for recipe in ("classic", "full")
    }
    assert tests["classic"] == tests["full"] != set()


def _independent_counts(archive: Path) -> dict[str, int]:
    """What hashes of the files and their names alone tell."""
    labels = defaultdict(list)
    counts: Counter[str] = Counter()
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            parts = name.rpartition("/")[2].partition(".")[0].split("_")
            if len(parts) == 4:
                digest = hashlib.sha256(opened.read(name)).hexdigest()
                labels[digest].append(tuple(map(int, parts[:3])))
            elif name.endswith(".jpg"):
                counts["malformed"] += 1
    races: Counter[int] = Counter()
    for found in labels.values():
        if len({label[1:] for label in found}) > 1:
            counts["conflicting_classes"] += len(found)
            continue
        races[found[0][2]] += len(found)
        if len(set(found)) > 1:
            counts["conflicting_ages"] += len(found)
        else:
            counts["exact_duplicate"] += len(found) - 1
    return {**counts, "smallest": min(races[race] for race in range(3))}
