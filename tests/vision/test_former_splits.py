"""The splits of former versions are found again to the letter."""

import hashlib
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vision.data.cleaning import Reason
from vision.data.former_splits import FormerImage, former_selection
from vision.data.inspection import inspect
from vision.data.labelled_files import LabelledFile, LabelledFiles
from vision.data.selection import FULL
from vision.data.utkface import utkface_labels

ADULT = utkface_labels(30, 0, 0)


def former(number: int, bucket: int, look: int | None = None, override: str = "") -> FormerImage:
    # Products with a large odd number lie far apart.
    look = (number * 0x9E3779B97F4A7C15) % 2**64 if look is None else look
    return FormerImage(f"{number:03}.jpg", f"{number:064x}", ADULT, None, override, look, bucket)


def split_of(images: list[FormerImage]) -> dict[str, str]:
    return {c.name: split for c, split in former_selection(FULL, images).chosen}


def test_buckets_decided_and_a_cell_was_in_every_split() -> None:
    images = [former(n, bucket=2 + n % 8) for n in range(10)]
    splits = split_of(images)
    # All of one cell, all from training's buckets: one was moved to each of the other splits.
    assert Counter(splits.values()) == {"train": 8, "validation": 1, "test": 1}


def test_pictures_two_bits_apart_shared_the_split_that_was_trained_on() -> None:
    others = [former(n, bucket=n % 10) for n in range(10, 90)]
    near = [former(1, bucket=0, look=0b0), former(2, bucket=5, look=0b11)]
    splits = split_of([*others, *near])
    assert "002.jpg" not in splits  # the second picture of one
    kept = split_of([*others, near[0], former(2, 5, 0b11, override="keep")])
    assert kept["001.jpg"] == kept["002.jpg"] == "train"


def test_what_an_administrator_dropped_was_not_selected() -> None:
    assert split_of([former(1, bucket=5, override="drop")]) == {}


@pytest.mark.skipif(
    "FACEROUTE_UTKFACE" not in os.environ,
    reason="FACEROUTE_UTKFACE does not name UTKFace's archive, which may not be distributed.",
)
def test_the_starters_fingerprint_is_found_again() -> None:
    with (
        LabelledFiles(Path(os.environ["FACEROUTE_UTKFACE"])) as files,
        ThreadPoolExecutor(2) as pool,
    ):
        images = list(pool.map(_image, files))
    selection = former_selection(FULL, images)
    recorded = "aeb07441f5a28bf8ff2f1a5552771e4de07887c8af55afc309ab6965b4cbce5b"
    assert selection.fingerprint == recorded
    sizes = Counter(split for _, split in selection.chosen)
    assert sizes == {"train": 18071, "validation": 1129, "test": 1178}


def _image(file: LabelledFile) -> FormerImage:
    bucket = int(hashlib.md5(file.data, usedforsecurity=False).hexdigest(), 16) % 20
    digest = hashlib.sha256(file.data).hexdigest()
    refused = Reason(file.refusal) if file.refusal else None
    look = inspect(file.data).perceptual_hash
    return FormerImage(file.name, digest, file.labels, refused, "", look, bucket)
