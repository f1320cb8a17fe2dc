"""What an import says: what it could not use, how much of it and why; and that it fails where
nothing was usable, and leaves nothing behind."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import translation

from tests.factories import DatasetFactory
from tests.training.utkface import jpeg, random_files, write_folder, write_zip
from training.datasets import import_runs
from training.datasets.annotations import annotate
from training.datasets.importing import import_files
from training.datasets.tallies import NothingUsable
from training.models import Annotation, Content, Dataset, ImportRun, Job, Sample

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _folders(settings: Any, tmp_path: Path) -> None:
    settings.DATASET_ROOT = tmp_path / "kept"
    settings.IMPORT_ROOT = tmp_path / "imports"
    settings.IMPORT_ROOT.mkdir()


@pytest.fixture
def odd(settings: Any) -> Path:
    """A folder of which one image can be used, and everything else is wrong in its own way."""
    rows = [
        ("good.jpg", "30", "F", "Caucasian"),
        ("gone.jpg", "30", "0", "0"),
        ("gone2.jpg", "30", "0", "0"),
        ("mixed.jpg", "30", "0", "Mixed"),
        ("old.jpg", "131", "0", "0"),
        ("blank.jpg", "", "0", "0"),
        ("text.jpg", "30", "0", "0"),
        ("../out.jpg", "30", "0", "0"),
        ("twice.jpg", "30", "0", "0"),
    ]
    table = "\n".join(";".join(row) for row in [("Filename", "Age", "Gender", "Ethnicity"), *rows])
    images = {
        name: jpeg(n) for n, (name, *_) in enumerate(rows) if "o" in name and ".." not in name
    }
    images = {n: d for n, d in images.items() if not n.startswith("gone")}
    images |= {"mixed.jpg": jpeg(91), "blank.jpg": jpeg(92), "text.jpg": b"no image"}
    images |= {"one/twice.jpg": jpeg(93), "two/twice.jpg": jpeg(94), "more.jpg": jpeg(95)}
    return write_folder(
        settings.IMPORT_ROOT / "odd", images | {"labels.csv": table.encode("utf-16")}
    )


EXPECTED = {
    "not_found": (2, ["gone.jpg", "gone2.jpg"]),
    "ambiguous_row": (1, ["twice.jpg"]),
    "label_not_known": (1, ["race: Mixed"]),
    "label_out_of_range": (1, ["age: 131"]),
    "malformed_name": (1, ["blank.jpg"]),
    "unreadable": (1, ["text.jpg"]),
    "unsafe_name": (1, ["../out.jpg"]),
    "unlisted": (3, ["more.jpg", "one/twice.jpg", "two/twice.jpg"]),
}


def run_command(path: Path, *options: str) -> str:
    out = io.StringIO()
    call_command("import_dataset", path, "--name", "Odd", *options, stdout=out)
    return out.getvalue()


def test_the_command_tells_programs_what_could_not_be_used(odd: Path) -> None:
    report = json.loads(run_command(odd, "--json").splitlines()[-1])
    told = {one["reason"]: (one["count"], one["examples"]) for one in report["not_used"]}
    assert told == EXPECTED
    assert report["funnel"][0] == {"step": "files", "count": 9, "reasons": {}}
    assert report["reasons"]["used"] == 1


def test_people_are_told_in_sentences_again_whenever_they_import(odd: Path) -> None:
    for words in ("9 files are new or changed", "0 files are new or changed"):
        said = run_command(odd)
        assert said.startswith(words)
        assert (
            "2 files named in the label file were not found, such as gone.jpg, gone2.jpg." in said
        )
        assert "1 label is not recognized: race: Mixed." in said
        assert "3 images are not listed in the label file, such as more.jpg" in said


def test_the_runs_page_tells_it_in_english_and_korean(
    odd: Path, admin_client: Client, admin_user: User
) -> None:
    run = import_runs.request_import("Odd", Path("odd"), detect_faces=False, user=admin_user)
    import_runs.work(run.pk)
    url = f"/admin/training/importrun/{run.pk}/change/"
    assert (
        "2 files named in the label file were not found" in admin_client.get(url).content.decode()
    )
    korean = admin_client.get(url, headers={"Accept-Language": "ko"}).content.decode()
    assert "레이블 파일에 적힌 파일 2개가 없습니다(예: gone.jpg, gone2.jpg)." in korean


USELESS: list[dict[str, bytes]] = [
    {"readme.pdf": b"x"},
    {"a.jpg": b"no image"},
    {"holiday.jpg": jpeg(1), "39_1_2017.jpg": jpeg(2)},
    {f"{'9' * 5000}_0_0_1.jpg"[-200:]: jpeg(3)},
    {"labels.csv": b"file,age,gender,race\ngone.jpg,30,0,0\n"},
    {"labels.csv": b"file;age;gender\na.jpg;30;0\n", "a.jpg": jpeg(4)},
    {"labels.csv": b"file,age,gender,race\na\0.jpg,30,0,0\n", "a.jpg": jpeg(4)},
]


@pytest.mark.parametrize("files", USELESS, ids=range(len(USELESS)))
def test_an_archive_without_a_usable_image_fails_and_leaves_nothing(
    files: dict[str, bytes], tmp_path: Path, settings: Any
) -> None:
    archive = write_zip(tmp_path / "holidays.zip", files)
    with pytest.raises(CommandError, match=r"Nothing in “holidays.zip”|“labels.csv”"):
        run_command(archive)
    assert not Dataset.objects.exists()
    assert not Sample.objects.exists()
    assert not [file for file in settings.DATASET_ROOT.rglob("*") if file.is_file()]


def test_an_import_that_failed_stays_with_its_reason_and_cannot_be_resumed(
    admin_client: Client, admin_user: User, settings: Any
) -> None:
    write_zip(settings.IMPORT_ROOT / "a.zip", {"a.jpg": b"no image"})
    run = import_runs.request_import("New", Path("a.zip"), detect_faces=False, user=admin_user)
    import_runs.work(run.pk)
    run.refresh_from_db()
    assert (run.state, run.dataset) == ("failed", None)
    url = f"/admin/training/importrun/{run.pk}/change/"
    page = admin_client.get(url).content.decode()
    assert "Nothing in “a.zip” could be used, and nothing was kept." in page
    assert "1 image has no label in its name or its row: a.jpg." in page
    assert 'name="resume"' not in page
    admin_client.post(url, {"resume": "1"})
    run.refresh_from_db()
    assert run.state == "failed"
    assert admin_client.get("/admin/training/importrun/").status_code == 200


def test_a_failed_import_takes_nothing_from_what_was_there(tmp_path: Path, settings: Any) -> None:
    run_command(write_folder(tmp_path / "good", random_files(5)))
    run_command(write_folder(tmp_path / "good", {"holiday.jpg": jpeg(1)} | random_files(5)))
    before = set(Sample.objects.values_list("name", "digest"))
    broken = dict.fromkeys(random_files(5), b"no image")
    for files in [*USELESS, broken]:
        with pytest.raises(CommandError):
            run_command(write_zip(tmp_path / "bad.zip", files))
    assert set(Sample.objects.values_list("name", "digest")) == before
    assert len(list(settings.DATASET_ROOT.glob("??/*"))) == 5
    assert Job.objects.filter(dataset__name="Odd").count() == 3 + len(USELESS)


def test_an_import_that_was_cut_off_and_fails_when_it_goes_on_leaves_nothing(
    tmp_path: Path, settings: Any
) -> None:
    folder = write_folder(tmp_path / "in", {f"holiday{n}.jpg": jpeg(n) for n in range(250)})

    def cut_off(_phase: str, done: int, _total: int) -> None:
        if done == 200:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_runs.import_now("New", cut_off, path=str(folder))
    assert Sample.objects.count() == 200
    run = import_runs.import_now("New", lambda *_: None, path=str(folder))
    assert "250 images have no labels" in run.sentence
    assert not Sample.objects.exists()
    assert not Dataset.objects.exists()
    assert not list(settings.DATASET_ROOT.glob("??/*"))


def test_images_that_somebody_labelled_by_hand_are_no_reason_to_fail(
    tmp_path: Path, user: User
) -> None:
    dataset: Dataset = DatasetFactory.create()
    files = {"holiday.jpg": jpeg(1), "30_0_0_1.jpg": jpeg(2)}
    import_files(dataset, write_folder(tmp_path / "in", files), lambda *_: None)
    sample = Sample.objects.get(name="holiday.jpg")
    annotate(sample, user, {"age": 3, "gender": 0, "race": 0})
    (tmp_path / "in" / "30_0_0_1.jpg").unlink()
    with pytest.raises(NothingUsable):
        import_files(dataset, tmp_path / "in", lambda *_: None)
    assert Sample.objects.filter(name="holiday.jpg", age=3).exists()
    assert Annotation.objects.exists()


def test_a_label_file_that_was_put_right_is_believed(tmp_path: Path) -> None:
    dataset: Dataset = DatasetFactory.create()
    rows = "file,age,gender,race\na.jpg,30,0,0\nb.jpg,30,0,{}\n"
    folder = write_folder(tmp_path / "in", {"a.jpg": jpeg(1), "b.jpg": jpeg(2)})
    for race, reason in (("Mixed", "label_not_known"), ("7", "label_out_of_range"), ("4", "")):
        (folder / "labels.csv").write_text(rows.format(race))
        assert import_files(dataset, folder, lambda *_: None).changed >= 1
        assert dataset.samples.get(name="b.jpg").reason == reason


def test_a_label_file_without_its_images_takes_none_away(tmp_path: Path) -> None:
    dataset: Dataset = DatasetFactory.create()
    rows = b"file,age,gender,race\na.jpg,30,0,0\nb.jpg,31,0,0\n"
    folder = {"a.jpg": jpeg(1), "b.jpg": jpeg(2), "labels.csv": rows}
    import_files(dataset, write_folder(tmp_path / "in", folder), lambda *_: None)
    before = list(dataset.samples.order_by("pk").values())
    with pytest.raises(NothingUsable, match="2 files named in the label file were not found"):
        import_files(dataset, write_folder(tmp_path / "x", {"labels.csv": rows}), lambda *_: None)
    (tmp_path / "in" / "b.jpg").unlink()
    import_files(dataset, tmp_path / "in", lambda *_: None)
    assert list(dataset.samples.order_by("pk").values()) == before


def test_names_that_are_too_long_keep_what_tells_them_apart(tmp_path: Path) -> None:
    dataset: Dataset = DatasetFactory.create()
    deep = "/".join(["d" * 100] * 6)
    files = {f"{deep}/30_0_0_{n}.jpg": jpeg(n) for n in range(3)}
    assert import_files(dataset, write_zip(tmp_path / "a.zip", files), lambda *_: None).changed == 3
    assert import_files(dataset, tmp_path / "a.zip", lambda *_: None).changed == 0
    assert Content.objects.count() == 3


def test_what_was_said_by_another_version_is_no_list() -> None:
    run = ImportRun(message_code="imported", message_parameters={"changed": 1, "total": 1})
    assert import_runs.not_used(run) == []
    with translation.override("ko"):
        assert run.sentence
