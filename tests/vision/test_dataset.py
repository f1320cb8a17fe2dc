"""File names that carry labels, in folders and zips as people have them."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from vision.dataset import (
    DatasetUnreadable,
    LabelOutOfRange,
    Labels,
    MalformedName,
    iter_files,
    parse_name,
    split_bucket,
)


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("26_1_2_20170116174525125.jpg.chip.jpg", Labels(26, 1, 2)),
        ("0_0_4_20170116174525125.jpg", Labels(0, 0, 4)),
        ("part1/UTKFace/116_1_0_20170120134646399.jpg.chip.jpg", Labels(116, 1, 0)),
        ("1_0_3_20170109193052283.JPG", Labels(1, 0, 3)),
    ],
)
def test_labels_are_read_from_names(name: str, labels: Labels) -> None:
    assert parse_name(name) == labels


@pytest.mark.parametrize(
    "name",
    [
        "39_1_20170116174525125.jpg.chip.jpg",
        "61_1_20170109142408075.jpg.chip.jpg",
        "61_1_20170109150557335.jpg.chip.jpg",
        "portrait.jpg",
        "a_b_c_d.jpg",
        "-1_0_0_2017.jpg",
    ],
)
def test_malformed_names_are_named(name: str) -> None:
    with pytest.raises(MalformedName):
        parse_name(name)


@pytest.mark.parametrize("name", ["200_0_0_1.jpg", "20_2_0_1.jpg", "20_0_5_1.jpg"])
def test_labels_out_of_range_are_named(name: str) -> None:
    with pytest.raises(LabelOutOfRange):
        parse_name(name)


def test_copies_fall_into_one_bucket() -> None:
    data = b"the same content"
    assert split_bucket(data) == int(hashlib.md5(data).hexdigest(), 16) % 10  # noqa: S324
    assert split_bucket(data) == split_bucket(bytes(data))


def test_folders_and_zips_give_the_same_files(tmp_path: Path) -> None:
    files = {"UTKFace/1_0_0_1.jpg": b"one", "UTKFace/part/2_1_1_2.jpg.chip.jpg": b"two"}
    noise = {"UTKFace/.DS_Store": b"x", "__MACOSX/UTKFace/._1_0_0_1.jpg": b"x", "README.txt": b"x"}
    archive = tmp_path / "utk.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for name, data in (files | noise).items():
            made.writestr(name, data)
            path = tmp_path / "folder" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    assert dict(iter_files(archive)) == dict(iter_files(tmp_path / "folder")) == files


def test_a_bomb_in_a_zip_is_given_as_a_broken_image(tmp_path: Path) -> None:
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("1_0_0_1.jpg", b"\x00" * (30 * 2**20))
        made.writestr("../../2_0_0_2.jpg", b"climbs")
    assert dict(iter_files(archive)) == {"1_0_0_1.jpg": b"", "../../2_0_0_2.jpg": b"climbs"}
    assert [path.name for path in tmp_path.iterdir()] == ["bomb.zip"]


def test_what_is_no_dataset_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_text("no zip")
    for path in (tmp_path / "a.zip", tmp_path / "nowhere"):
        with pytest.raises(DatasetUnreadable):
            list(iter_files(path))
