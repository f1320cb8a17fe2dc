"""Views of faces: of the right size, the same by the same seed, and as different as was asked."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from vision.augment import Erased, View, draw_view, render, start_views, whole
from vision.pretrain_recipe import Augmentation

SIDE, SIZE = 110, 64
STILL = Augmentation(
    smallest=1, largest=1, rotation=0, shift=0, stretch=0, mirror=False,
    brightness=0, contrast=0, saturation=0, grey=0, erase=0,
)  # fmt: skip


@pytest.fixture
def crops() -> NDArray[np.uint8]:
    """Soft patches of colour."""
    patches = np.random.default_rng(0).integers(0, 256, (6, 11, 11, 3)).astype(np.uint8)
    return patches.repeat(SIDE // 11, axis=1).repeat(SIDE // 11, axis=2)


def views(
    crops: NDArray[np.uint8], strength: Augmentation, seed: int = 0, threads: int = 1
) -> NDArray[np.uint8]:
    with ThreadPoolExecutor(threads) as pool:
        rng = np.random.default_rng(seed)
        return start_views(crops, rng, strength, SIZE, pool).result()


def test_views_keep_the_type_and_have_the_size_asked_for(crops: NDArray[np.uint8]) -> None:
    found = views(crops, Augmentation())
    assert found.shape == (6, SIZE, SIZE, 3)
    assert found.dtype == np.uint8


def test_the_same_seed_gives_the_same_views_and_another_does_not(
    crops: NDArray[np.uint8],
) -> None:
    once = views(crops, Augmentation(), seed=1)
    assert (views(crops, Augmentation(), seed=1, threads=4) == once).all()
    assert (views(crops, Augmentation(), seed=2) != once).any(axis=(1, 2, 3)).all()


def test_without_any_strength_a_view_is_the_crop(crops: NDArray[np.uint8]) -> None:
    difference = views(crops, STILL).astype(int) - whole(crops, SIZE)
    assert np.abs(difference).mean() < 4  # resampled by another filter


def test_a_wider_view_repeats_the_crops_border() -> None:
    crop = np.full((SIDE, SIDE, 3), 90, np.uint8)
    crop[:3], crop[-3:], crop[:, :3], crop[:, -3:] = 200, 200, 200, 200
    rng = np.random.default_rng(0)
    wide = Augmentation(**{**vars(STILL), "smallest": 1.5, "largest": 1.5})
    found = render(crop, draw_view(rng, wide), SIZE)
    assert (found[:8] == 200).all()
    assert (found[SIZE // 2, SIZE // 2] == 90).all()


def test_a_mirrored_view_is_mirrored(crops: NDArray[np.uint8]) -> None:
    mirror = np.array([[-1.0, 0, 1], [0, 1, 0]])
    view = View(mirror, np.eye(3, 4), None)
    plain = View(np.eye(2, 3), np.eye(3, 4), None)
    assert (render(crops[0], view, SIZE) == render(crops[0], plain, SIZE)[:, ::-1]).all()


def test_grey_views_are_grey(crops: NDArray[np.uint8]) -> None:
    found = views(crops, Augmentation(**{**vars(STILL), "grey": 1})).astype(int)
    assert np.abs(found - found[..., :1]).max() <= 1


def test_contrast_leaves_the_middle_alone_and_brightness_does_not() -> None:
    grey = np.full((1, SIDE, SIDE, 3), 128, np.uint8)
    contrast = views(grey, Augmentation(**{**vars(STILL), "contrast": 0.5}))
    assert np.abs(contrast.astype(int) - 128).max() <= 1
    brightness = views(grey, Augmentation(**{**vars(STILL), "brightness": 0.5}))
    assert abs(int(brightness[0, 0, 0, 0]) - 128) > 5


def test_an_erased_rectangle_is_where_it_was_drawn(crops: NDArray[np.uint8]) -> None:
    view = View(np.eye(2, 3), np.eye(3, 4), Erased(0.25, 0.5, 0.5, 0.25, 7))
    found = render(crops[0], view, SIZE)
    assert (found[32:48, 16:48] == 7).all()
    assert not (found[:32] == 7).all(axis=2).any()


def test_windows_are_as_wide_as_the_recipe_says() -> None:
    strength = Augmentation(smallest=0.7, largest=1.2, stretch=0)
    rng = np.random.default_rng(0)
    sides = [np.hypot(*draw_view(rng, strength).warp[:, 0]) for _ in range(300)]
    assert 0.7 <= min(sides) < 0.75
    assert 1.15 < max(sides) <= 1.2
