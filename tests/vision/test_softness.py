"""A crop sharper than a target is softened to it, and no further; any other stays as it is."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from skimage import data

from vision.crops.softness import blur, soften, softness

FACE = Image.fromarray(data.astronaut()).crop((168, 60, 282, 174))  # type: ignore[no-untyped-call]
SIZES = [48, 96, 160, 224]


def portrait(size: int = 96) -> NDArray[np.uint8]:
    return np.asarray(FACE.resize((size, size), Image.Resampling.LANCZOS))


def noise(deviation: float, size: int = 96, seed: int = 0) -> NDArray[np.uint8]:
    """The portrait with noise on it."""
    added = np.random.default_rng(seed).normal(0, deviation, (size, size, 3))
    return (portrait(size) + added).round().clip(0, 255).astype(np.uint8)


def test_it_is_what_the_definition_says() -> None:
    """Written out, ring by ring."""
    crop = portrait()
    luminance = crop.astype(float) @ [0.299, 0.587, 0.114]
    window = np.outer(np.hanning(96), np.hanning(96))
    power = np.abs(np.fft.fft2((luminance - luminance.mean()) * window)) ** 2
    radius = np.hypot(np.fft.fftfreq(96)[:, None], np.fft.fftfreq(96))

    def level(low: float) -> float:
        return float(np.log10(power[(radius >= low) & (radius < low + 0.04)].mean()))

    fine = np.mean([level(low) for low in (0.26, 0.30, 0.34, 0.38, 0.42)])
    coarse = np.mean([level(low) for low in (0.02, 0.06, 0.10)])
    assert softness(crop) == pytest.approx(fine - coarse, abs=1e-6)


@pytest.mark.parametrize("size", SIZES)
def test_blurred_crops_are_softer_and_sharpened_or_noisy_ones_sharper(size: int) -> None:
    face = Image.fromarray(portrait(size))
    sharpened = np.asarray(face.filter(ImageFilter.UnsharpMask(1, 100, 0)))
    steps = [
        blur(portrait(size), 1.0), blur(portrait(size), 0.5), portrait(size), sharpened,
    ]  # fmt: skip
    found = [softness(step) for step in steps]
    assert found == sorted(found)
    assert softness(noise(8, size)) > softness(portrait(size))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("less", [0.05, 0.4, 1.0])
def test_a_sharper_crop_comes_to_the_target(size: int, less: float) -> None:
    """As near as pixels of 256 levels get: rounding is fine detail, too."""
    for crop in (noise(3, size), noise(8, size)):
        target = softness(crop) - less
        softened = soften(crop, target)
        assert softened.shape == crop.shape
        assert softened.dtype == np.uint8
        assert softness(softened) == pytest.approx(target, abs=0.08)


def test_it_comes_there_by_the_weakest_blur() -> None:
    """By ever so little less blur it would still be too sharp."""
    crop = noise(4)
    softened = soften(crop, softness(blur(crop, 0.63)))
    assert np.abs(softened.astype(int) - blur(crop, 0.63)).max() <= 2


@pytest.mark.parametrize("above", [0.0, 0.3, 5.0])
def test_a_crop_at_the_target_or_below_comes_back_itself(above: float) -> None:
    crop = portrait()
    assert soften(crop, softness(crop) + above) is crop


def test_the_amount_follows_the_target_without_steps() -> None:
    crop = portrait()
    start = softness(crop)
    found = [softness(soften(crop, start - step)) for step in np.linspace(0.02, 1, 50)]
    assert np.abs(np.diff(found) + 0.02).max() < 0.02


def test_the_mirror_image_is_softened_alike() -> None:
    crop = noise(6)
    one, other = soften(crop, -3.0), soften(crop[:, ::-1], -3.0)
    assert np.abs(one[:, ::-1].astype(int) - other).max() <= 1


@pytest.mark.parametrize("sigma", [0.3, 0.8, 2.0])
def test_the_blur_is_a_gaussian(sigma: float) -> None:
    """What is left of a wave is exp(-2π²σ²f²), at every frequency, up to the border."""
    for frequency in (0.05, 0.2, 0.4):
        waves = np.cos(2 * np.pi * round(192 * frequency) / 192 * (np.arange(96) + 0.5))
        crop = np.repeat(np.tile(127.5 + 100 * waves, (96, 1))[..., None], 3, axis=2)
        crop = crop.round().astype(np.uint8)
        left = blur(crop, sigma).astype(float)[..., 0] - 127.5
        kept = np.exp(-2 * (np.pi * sigma * round(192 * frequency) / 192) ** 2)
        assert np.abs(left - 100 * kept * waves).max() < 1.1


@settings(deadline=None, max_examples=60)
@given(
    kind=st.sampled_from(["even", "random", "edge"]),
    target=st.floats(-9, 3),
    seed=st.integers(0, 99),
)
def test_whatever_the_crop_light_and_size_stay(kind: str, target: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    crop = np.full((96, 96, 3), rng.integers(256), np.uint8)
    if kind == "random":
        crop = rng.integers(0, 256, crop.shape, np.uint8)
    elif kind == "edge":
        crop[:, rng.integers(1, 95) :] = 255 - crop[0, 0, 0]
    softened = soften(crop, target)
    assert softened.shape == crop.shape
    assert abs(softened.mean() - crop.mean()) < 1
    if kind == "even":
        assert (softened == crop).all()


def test_it_takes_less_than_a_millisecond_of_the_processor() -> None:
    crop = noise(8)
    soften(crop, -4.0)
    started = time.process_time()
    for _ in range(100):
        soften(crop, -4.0)
    assert (time.process_time() - started) / 100 < 1e-3
