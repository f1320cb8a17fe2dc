"""A dataset's name is one line of text, wherever it comes in, and files are called after it."""

from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client

from tests.factories import SampleFactory
from tests.training.utkface import random_files, write_folder
from training.datasets import import_runs
from training.datasets.import_runs import ImportRefused, request_import
from training.models import Dataset, ImportRun

pytestmark = pytest.mark.django_db

BAD = ["", "   ", "two\nlines", "a\rb", "bell\x07", "a\u2028b", "nul\0", "x" * 101, "a\x85b"]


@pytest.fixture(autouse=True)
def _folders(settings: Any, tmp_path: Path) -> None:
    settings.DATASET_ROOT = tmp_path / "kept"
    settings.IMPORT_ROOT = write_folder(tmp_path / "imports", {})
    settings.IMPORT_ROOT.mkdir(exist_ok=True)
    write_folder(settings.IMPORT_ROOT / "in", random_files(2))


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_name_is_refused_in_form_command_and_model(
    admin_client: Client, settings: Any, name: str
) -> None:
    page = admin_client.post("/admin/training/dataset/import/", {"name": name, "path": "in"})
    assert page.status_code == 200
    with pytest.raises(CommandError, match="a single line of 1 to 100 characters"):
        call_command("import_dataset", settings.IMPORT_ROOT / "in", "--name", name)
    with pytest.raises(ImportRefused):
        request_import(name, Path("in"), detect_faces=False, user=None)
    with pytest.raises(ValidationError):
        Dataset.objects.create(name=name)
    assert not Dataset.objects.exists()


def test_blanks_around_a_name_do_not_count(admin_client: Client, settings: Any) -> None:
    admin_client.post("/admin/training/dataset/import/", {"name": " 얼굴 데이터 ", "path": "in"})
    import_runs.work(ImportRun.objects.get().pk)
    call_command("import_dataset", settings.IMPORT_ROOT / "in", "--name", "얼굴 데이터\n", "--json")
    assert Dataset.objects.get().name == "얼굴 데이터"


@pytest.mark.parametrize(
    ("name", "saved_as"),
    [
        ("얼굴 데이터", "얼굴 데이터"),
        ("plain", "plain"),
        ('a "b" \\ c/d', "a _b_ _ c_d"),
        ("50 % ; done", "50 % ; done"),
        ("two\nlines", "two_lines"),  # one from before names were looked at
    ],
)
def test_downloads_are_called_after_their_dataset(
    admin_client: Client, name: str, saved_as: str
) -> None:
    dataset = Dataset.objects.bulk_create([Dataset(name=name)])[0]
    SampleFactory.create(dataset=dataset)
    own = f"/admin/training/dataset/{dataset.pk}"
    for path, file in (("charts/funnel.csv", "funnel"), ("splits/full.csv", "full-splits")):
        answer = admin_client.get(f"{own}/{path}")
        assert answer.status_code == 200
        header = Message()  # the standard library reads both ways of RFC 6266
        header["Content-Disposition"] = answer["Content-Disposition"]
        assert header.get_filename() == f"{saved_as}-{file}.csv"
        assert answer["Content-Disposition"].isascii()


def test_a_dataset_that_has_such_a_name_already_can_be_added_to() -> None:
    Dataset.objects.bulk_create([Dataset(name="two\nlines")])
    run = request_import("two\nlines", Path("in"), detect_faces=False, user=None)
    assert run.own_dataset.name == "two\nlines"
    assert Dataset.objects.count() == 1
