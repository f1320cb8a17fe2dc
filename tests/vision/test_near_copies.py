"""One picture saved again in another way is found, and no two pictures are taken for one."""

import io
import os
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.vision.planted import EDITS, saved
from vision.data.inspection import inspect
from vision.data.near_copies import are_copies, candidates, look_at, mirrored, within

SIDE = 200


def picture(seed: int) -> Image.Image:
    """Soft patches of all sizes, as a photo has: coarse forms and detail."""
    rng = np.random.default_rng(seed)
    layers = [
        Image.fromarray(rng.integers(0, 256, (n, n, 3), np.uint8)).resize(
            (SIDE, SIDE), Image.Resampling.BICUBIC
        )
        for n in (4, 12, 36)
    ]
    weights = (0.5, 0.3, 0.2)
    mixed = sum(w * np.asarray(layer, np.float64) for w, layer in zip(weights, layers, strict=True))
    return Image.fromarray(np.asarray(mixed).astype(np.uint8))


def linked(files: list[bytes]) -> set[tuple[int, int]]:
    """The pairs of indices that are taken for one picture, as a search finds them."""
    looks = [look_at(data) for data in files]
    own = np.stack([look.thumbnail for look in looks])
    plain, flipped = np.stack([look.hashes for look in looks], axis=1)
    found: set[tuple[int, int]] = set()
    for hashes, first in ((plain, own), (flipped, mirrored(own))):
        pairs = candidates(hashes, plain[:, 0])
        pairs = pairs[pairs[:, 0] > pairs[:, 1]]
        found |= set(map(tuple, pairs[are_copies(first, own, pairs)].tolist()))
    return found


@pytest.mark.parametrize("edit", EDITS)
def test_a_picture_is_known_again(edit: str) -> None:
    pictures = [picture(seed) for seed in range(20)]
    files = [saved(one) for one in pictures] + [saved(EDITS[edit](one)) for one in pictures]
    found = linked(files)
    assert found == {(n + 20, n) for n in range(20)}


def test_a_picture_without_any_contrast_is_like_nothing() -> None:
    grey = Image.new("RGB", (SIDE, SIDE), (128, 128, 128))
    assert linked([saved(grey), saved(grey, quality=50)]) == set()


def test_the_hash_is_the_one_that_inspecting_an_image_finds() -> None:
    for seed in range(20):
        data = saved(picture(seed))
        assert look_at(data).hashes[0, 0] == inspect(data).perceptual_hash


def test_mirrored_hashes_swap() -> None:
    one = look_at(saved(picture(1), 100)).hashes
    other = look_at(saved(EDITS["mirrored"](picture(1)), 100)).hashes
    assert np.bitwise_count(one[0, 0] ^ other[1, 0]) <= 2
    assert np.bitwise_count(one[1, 0] ^ other[0, 0]) <= 2


def test_what_is_no_image_is_an_error() -> None:
    with pytest.raises(OSError, match="cannot identify"):
        look_at(b"no image")


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=30), st.randoms())
def test_near_hashes_are_found_as_by_comparing_every_pair(
    hashes: list[int], rng: random.Random
) -> None:
    for _ in range(len(hashes)):
        flipped = rng.choice(hashes)
        for bit in rng.sample(range(64), rng.randint(0, 20)):
            flipped ^= 1 << bit
        hashes.append(flipped)
    numbers = np.array(hashes, np.uint64)
    expected = {
        (i, j)
        for i in range(len(hashes))
        for j in range(len(hashes))
        if (hashes[i] ^ hashes[j]).bit_count() <= 12
    }
    assert set(map(tuple, within(numbers, numbers, 12).tolist())) == expected


@pytest.mark.skipif(
    "FACEROUTE_UTKFACE" not in os.environ,
    reason="FACEROUTE_UTKFACE does not name UTKFace's archive, which may not be distributed.",
)
def test_planted_copies_among_2000_faces_are_found_and_hardly_a_stranger_is_joined() -> None:
    with zipfile.ZipFile(Path(os.environ["FACEROUTE_UTKFACE"])) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        chosen = random.Random(0).sample(names, 2000)
        files = [archive.read(name) for name in chosen]
    before = linked(files)
    planted: dict[tuple[int, int], str] = {}
    for number in range(0, 2000, 20):
        image = Image.open(io.BytesIO(files[number])).convert("RGB")
        for edit, change in EDITS.items():
            planted[len(files), number] = edit
            files.append(saved(change(image)))
    found = linked(files)
    recall = {
        edit: np.mean([pair in found for pair, name in planted.items() if name == edit])
        for edit in EDITS
    }
    assert min(recall.values()) >= 0.97, recall
    # What is joined with a planted copy is its original, or was joined with that before.
    origin = dict(planted.keys())
    originals = {tuple(origin.get(one, one) for one in sorted(pair)) for pair in found}
    strangers = {pair for pair in originals if pair[0] != pair[1]} - {
        order for pair in before for order in (pair, pair[::-1])
    }
    assert len(strangers) <= 2, strangers
