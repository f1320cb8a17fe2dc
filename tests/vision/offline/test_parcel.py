"""A parcel has all that a training needs, and says so where a part of it has not arrived."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.vision.training_set import make_curated
from vision.data.crop_files import read_example
from vision.data.utkface import Curated
from vision.offline.parcel import (
    PARCEL,
    Parcel,
    ParcelUnusable,
    encoded,
    open_parcel,
    second_folder,
    write_parcel,
)
from vision.training.network_recipes import NETWORK_RECIPES

RECIPE = NETWORK_RECIPES["starter-gpu"]
SIDE = 55


@pytest.fixture
def curated(tmp_path: Path) -> Curated:
    return make_curated(tmp_path / "images", train=12, validation=4)


def packed(curated: Curated, folder: Path, first: int = 10**6, quality: int = 80) -> Path:
    folder.mkdir()
    images = encoded(curated, SIDE, quality, lambda _done, _total: None)
    write_parcel(folder, RECIPE, curated, images, dataset="faces", quality=quality, first=first)
    return folder


def assert_arrived(parcel: Parcel, curated: Curated) -> None:
    assert parcel.recipe == RECIPE
    for split in ("train", "validation"):
        there, here = getattr(parcel.curated, split), getattr(curated, split)
        assert [one.labels for one in there] == [one.labels for one in here]
        for one, other in zip(there, here, strict=True):
            crop, original = parcel.read(one, SIDE), read_example(other, SIDE)
            assert crop.shape == original.shape
            assert np.abs(crop.astype(int) - original).mean() < 12
    assert parcel.curated.fingerprint == curated.fingerprint
    assert parcel.curated.test == ()


def test_everything_arrives(curated: Curated, tmp_path: Path) -> None:
    assert_arrived(open_parcel([packed(curated, tmp_path / "parcel")]), curated)


def test_what_one_parcel_has_no_room_for_travels_in_a_second(
    curated: Curated, tmp_path: Path
) -> None:
    folder = packed(curated, tmp_path / "parcel", first=2000)
    second = second_folder(folder)
    assert (folder / "crops-1.bin").stat().st_size <= 2000
    assert_arrived(open_parcel([second, folder]), curated)
    with pytest.raises(ParcelUnusable, match=r"lacks its file crops-2\.bin.*name both"):
        open_parcel([folder])


def test_the_same_images_make_the_same_parcel(curated: Curated, tmp_path: Path) -> None:
    one, other = (packed(curated, tmp_path / name) for name in ("one", "other"))
    assert (one / PARCEL).read_bytes() == (other / PARCEL).read_bytes()


def test_neither_names_nor_sums_of_the_images_travel(curated: Curated, tmp_path: Path) -> None:
    folder = packed(curated, tmp_path / "parcel")
    text = "".join(file.read_text() for file in folder.glob("*.json"))
    assert not any(one.digest in text or one.path.name in text for one in curated.train)


def test_a_crop_can_be_read_at_another_size(curated: Curated, tmp_path: Path) -> None:
    parcel = open_parcel([packed(curated, tmp_path / "parcel")])
    assert parcel.read(parcel.curated.train[0], 40).shape == (40, 40, 3)


@pytest.mark.parametrize("harm", ["cut", "gone"])
def test_a_file_that_has_not_arrived_whole_is_said(
    curated: Curated, tmp_path: Path, harm: str
) -> None:
    folder = packed(curated, tmp_path / "parcel")
    crops = folder / "crops-1.bin"
    crops.write_bytes(crops.read_bytes()[:-1]) if harm == "cut" else crops.unlink()
    with pytest.raises(ParcelUnusable, match=r"crops-1\.bin.*copy the parcel again"):
        open_parcel([folder])


def test_what_is_no_parcel_is_said(curated: Curated, tmp_path: Path) -> None:
    with pytest.raises(ParcelUnusable, match="is no parcel"):
        open_parcel([tmp_path])
    folder = packed(curated, tmp_path / "parcel")
    about = json.loads((folder / PARCEL).read_text())
    (folder / PARCEL).write_text(json.dumps({**about, "format_version": 99}))
    with pytest.raises(ParcelUnusable, match="another version"):
        open_parcel([folder])
