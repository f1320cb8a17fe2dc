"""Files without rows and rows without files are told; only `--repair` changes anything."""

import io
import json
import os
import shutil
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.management import CommandError, call_command
from django.utils import timezone

from predictions.models import Photo, Prediction
from tests.factories import PhotoFactory, PredictionFactory, SampleFactory
from tests.s3 import Bucket
from tests.training.trainable import small_version
from training.datasets import contents, example_files, stored_contents
from training.models import Sample
from training.registry.stored_bundles import bundle_path
from vision.bundles.bundle import MANIFEST, WEIGHTS

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _folders(settings: Any, tmp_path: Path) -> None:
    settings.DATASET_ROOT = tmp_path / "datasets"
    settings.MODEL_ROOT = tmp_path / "models"


def aged(path: Path) -> Path:
    os.utime(path, (1, 1))
    return path


def stored(name: str) -> Path:
    return aged(Path(default_storage.path(default_storage.save(name, ContentFile(b"pixels")))))


def photo() -> Photo:
    made: Photo = PhotoFactory.create()
    stored(str(made.image))
    stored(str(made.thumbnail))
    return made


def image(data: bytes) -> Sample:
    digest = example_files.keep(data)
    aged(example_files.path_of(digest))
    sample: Sample = SampleFactory.create(digest=digest)
    return sample


@pytest.fixture
def site() -> dict[str, str]:
    """Two photos and two images, a file too many and one too few of each; those by name."""
    photo()
    lost_photo, lost_image = photo(), image(b"2")
    image(b"1")
    default_storage.delete(str(lost_photo.thumbnail))
    path = example_files.path_of(lost_image.digest)
    path.unlink()
    stray = f"photos/{uuid.uuid4()}.jpg"
    stored(stray)
    aged(example_files.path_of(example_files.keep(b"3")))
    example_files.keep(b"too new to tell")
    root = path.parent.parent
    [orphan] = [file for file in root.glob("??/*") if file.read_bytes() == b"3"]
    return {
        "stray": stray,
        "thumbnail": str(lost_photo.thumbnail),
        "image": str(path.relative_to(root)),
        "orphan": str(orphan.relative_to(root)),
    }


def check(*options: str) -> str:
    out = io.StringIO()
    call_command("check_files", *options, stdout=out)
    return out.getvalue()


def everything() -> dict[str, bytes]:
    roots = (Path(default_storage.path("")), example_files.path_of("00").parent.parent)
    files = (file for root in roots for file in root.rglob("*") if file.is_file())
    return {str(file): file.read_bytes() for file in files}


def test_both_directions_are_told_and_nothing_is_changed(site: dict[str, str]) -> None:
    before = everything()
    assert json.loads(check("--json").splitlines()[-1]) == {
        "photos": {
            "named": 4,
            "stored": 4,
            "without_row": [site["stray"]],
            "without_file": [site["thumbnail"]],
        },
        "datasets": {
            "named": 2,
            "stored": 3,
            "without_row": [site["orphan"]],
            "without_file": [site["image"]],
        },
        "models": {"named": 0, "stored": 0, "without_row": [], "without_file": []},
        "strays": 0,
        "deleted": {},
    }
    said = check()
    assert f"Files that rows name and that are not there: 1, such as {site['image']}." in said
    assert "Importing the same images again puts them back" in said
    assert everything() == before


def test_repair_deletes_what_no_row_names_and_nothing_else(site: dict[str, str]) -> None:
    rows = Sample.objects.count(), Photo.objects.count()
    before = everything()
    check("--repair")
    gone = before.keys() - everything().keys()
    assert {Path(path).name for path in gone} == {
        Path(site["stray"]).name,
        Path(site["orphan"]).name,
    }
    assert (Sample.objects.count(), Photo.objects.count()) == rows
    assert json.loads(check("--json", "--repair"))["deleted"] == {
        "photos": 0,
        "datasets": 0,
        "models": 0,
    }


def test_a_prediction_goes_back_to_the_owner_of_its_photo(user: User) -> None:
    visitor = uuid.uuid4()
    owners = ({"owner": user, "visitor": None}, {"owner": None, "visitor": visitor})
    kept = [
        PredictionFactory.create(photo=PhotoFactory.create(**one, image="", thumbnail=""))
        for one in owners
    ]
    assert json.loads(check("--json"))["strays"] == 0
    for wrong in ({"owner": None}, {"visitor": uuid.uuid4()}, {"owner": user}):
        Prediction.objects.update(**wrong)
        assert "not their photo's owner's: " in check()
        assert json.loads(check("--json", "--repair"))["strays"] > 0
        for one in kept:
            one.refresh_from_db()
            assert (one.owner, one.visitor) == (one.photo.owner, one.photo.visitor)


@pytest.mark.parametrize("lost", ["photos", "datasets", "database"])
def test_nothing_is_repaired_where_storage_or_database_may_be_others(
    site: dict[str, str], lost: str, settings: Any
) -> None:
    if lost == "photos":
        for folder in ("photos", "thumbnails"):
            shutil.rmtree(default_storage.path(folder))
    elif lost == "datasets":
        shutil.rmtree(settings.DATASET_ROOT)
    else:
        Sample.objects.all().delete()
        Photo.objects.all().delete()
    before = everything()
    with pytest.raises(CommandError, match="Nothing was changed"):
        check("--repair")
    assert everything() == before
    assert "out of reach" in check() or "another database" in check()


def test_a_storage_that_does_not_answer_is_no_empty_one(
    site: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_storage: FileSystemStorage, _folder: str) -> None:
        raise ConnectionError("the bucket is away")

    monkeypatch.setattr(FileSystemStorage, "listdir", away)
    before = everything()
    for options in ([], ["--repair"]):
        with pytest.raises(CommandError, match="photos are kept in does not answer"):
            check(*options)
    assert everything() == before


def test_models_whose_files_are_lost_are_told(tmp_path: Path) -> None:
    version = small_version(tmp_path / "small")
    assert json.loads(check("--json").splitlines()[-1])["models"]["without_file"] == []
    (bundle_path(version) / WEIGHTS).unlink()
    found = json.loads(check("--json", "--repair").splitlines()[-1])
    assert found["models"]["without_file"] == [f"small/{WEIGHTS}"]
    assert (bundle_path(version) / MANIFEST).is_file()


def test_where_machines_share_a_storage_it_is_that_which_is_compared(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = small_version(tmp_path / "small")
    kept, lost = image(b"1"), image(b"2")
    contents.keep([kept, lost])
    assert stored_contents.store_waiting() == 2
    bucket.delete(f"datasets/{lost.digest}")
    weights = version.files[WEIGHTS]["sha256"]
    bucket.delete(f"models/{weights}")
    strays = {f"{place}/{64 * '0'}" for place in ("datasets", "models")}
    for stray in strays:
        bucket.write(stray, b"")
    assert json.loads(check("--json").splitlines()[-1])["datasets"]["without_row"] == []  # too new
    later = timezone.now() + timedelta(hours=2)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    found = json.loads(check("--json").splitlines()[-1])
    for place, missing in (("datasets", lost.digest), ("models", weights)):
        assert found[place]["without_row"] == [f"{place}/{64 * '0'}"]
        assert found[place]["without_file"] == [f"{place}/{missing}"]
    before = bucket.names()
    check("--repair")
    assert bucket.names() == before - strays
