"""File names that carry labels."""

import hashlib

import pytest

from vision.data.utkface import LabelOutOfRange, Labels, MalformedName, parse_name, split_bucket


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
