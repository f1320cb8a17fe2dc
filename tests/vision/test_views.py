"""Views of faces: as different as was asked, the same by the same arrays, and what they say."""

import io
import itertools
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from tests.vision.rendered_here import (
    EVERYTHING,
    SIDE,
    SIZE,
    SOFT,
    STILL,
    compiled,
    faces,
    rendered,
    still,
)
from vision.backbone.precision import computing_in
from vision.crops.reading import Reading
from vision.crops.softness import blur
from vision.data.labelled_files import LabelledFiles
from vision.evaluation.edits import EDITS, darkened
from vision.evaluation.robustness import Change
from vision.training import view_ops
from vision.training.network_recipes import Augmentation
from vision.training.recipe import RecipeInvalid
from vision.training.views import (
    MOST_BLUR,
    MOST_JPEG,
    MOST_NOISE,
    MOST_SHARPENING,
    SHARPENING_SIGMA,
    RenderViews,
    draw_views,
)

ROOT = Path(__file__).parents[2]
Box = tuple[float, float, float, float]

BILINEAR = Image.Resampling.BILINEAR
WHOLE: Box = (0, 0, SIDE, SIDE)


def reduced(crop: NDArray[np.uint8], size: int = SIZE, box: Box = WHOLE) -> NDArray[np.uint8]:
    """A part of a crop as Pillow resizes it, with antialiasing."""
    return np.asarray(Image.fromarray(crop).resize((size, size), BILINEAR, box))


def apart(one: NDArray[np.uint8], other: NDArray[np.uint8] | int) -> NDArray[np.int64]:
    return np.abs(one.astype(int) - other)


def test_views_keep_the_type_and_have_the_size_asked_for() -> None:
    views = draw_views(np.random.default_rng(0), EVERYTHING, 6)
    found = np.asarray(RenderViews(64, EVERYTHING, SOFT)(faces(6), views))
    assert found.shape == (6, 64, 64, 3)
    assert found.dtype == np.uint8


def test_the_same_seed_gives_the_same_views_and_another_does_not() -> None:
    layer = RenderViews(SIZE, EVERYTHING, SOFT)

    def views(seed: int) -> NDArray[np.uint8]:
        drawn = draw_views(np.random.default_rng(seed), EVERYTHING, 6)
        return np.asarray(layer(faces(6), drawn))

    once = views(1)
    assert (views(1) == once).all()
    assert (views(2) != once).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize(("side", "size"), [(110, 96), (147, 128), (110, 64), (64, 96), (96, 96)])
def test_without_any_strength_a_view_is_the_crop_resized(side: int, size: int) -> None:
    crops = faces(2, side)
    expected = np.stack([reduced(crop, size, (0, 0, side, side)) for crop in crops])
    difference = apart(rendered(crops, still(2), size=size), expected)
    assert difference.mean() < 1  # 2.2 for 110 → 64 px without the Gaussian
    assert np.quantile(difference, 0.99) <= 6


@pytest.mark.parametrize("side", [0.6, 0.75, 0.95])
def test_a_part_of_a_crop_is_cut_where_it_lies(side: float) -> None:
    left, top = 0.02, 0.04
    warp = [[[side, 0, left], [0, side, top]]]
    found = rendered(faces(1), still(1, warp=warp))
    box = np.array([left, top, left + side, top + side]) * SIDE
    expected = reduced(faces(1)[0], box=(box[0], box[1], box[2], box[3]))
    assert apart(found[0], expected).mean() < 1


@pytest.mark.parametrize("degrees", [-12, 5, 30])
def test_a_rolled_view_is_what_pillow_samples(degrees: float) -> None:
    """Of a part that is enlarged; nothing needs to be smoothed."""
    angle = np.deg2rad(degrees)
    linear = 0.7 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    warp = np.column_stack([linear, 0.5 - linear @ [0.5, 0.5]])
    affine = warp * SIDE
    affine[:, :2] /= SIZE
    picture = Image.fromarray(faces(1)[0])
    method = Image.Transform.AFFINE
    expected = picture.transform((SIZE, SIZE), method, tuple(affine.ravel()), BILINEAR)
    found = rendered(faces(1), still(1, warp=warp[None]))
    inner = slice(8, -8)  # Pillow has nothing around a crop
    assert apart(found[0], np.asarray(expected))[inner, inner].max() <= 1


def test_detail_too_fine_for_a_view_is_smoothed_not_folded_into_coarser() -> None:
    stripes = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    stripes[:, :, ::2] = 255
    found = rendered(stripes, still(1), size=52)[0].astype(float)
    assert found[8:-8, 8:-8].std() < 6  # 72 without the Gaussian
    assert found.mean() == pytest.approx(127.5, abs=3)


def test_a_wider_view_repeats_the_crops_border() -> None:
    crop = np.full((1, SIDE, SIDE, 3), 90, np.uint8)
    crop[:, :5], crop[:, -5:], crop[:, :, :5], crop[:, :, -5:] = 200, 200, 200, 200
    warp = [[[1.5, 0, -0.25], [0, 1.5, -0.25]]]
    found = rendered(crop, still(1, warp=warp), largest=1.5)[0]
    assert (found[:14] == 200).all()
    assert (found[SIZE // 2, SIZE // 2] == 90).all()


def test_a_mirrored_view_is_mirrored() -> None:
    mirrored = rendered(faces(1), still(1, warp=[[[-1, 0, 1], [0, 1, 0]]]))
    assert apart(mirrored, rendered(faces(1), still(1))[:, :, ::-1]).max() <= 1


def test_half_of_the_views_are_mirrored_or_none() -> None:
    drawn = draw_views(np.random.default_rng(0), Augmentation(), 1000)["warp"]
    assert 0.45 < (np.linalg.det(drawn[:, :, :2]) < 0).mean() < 0.55
    drawn = draw_views(np.random.default_rng(0), Augmentation(mirror=False), 1000)["warp"]
    assert (np.linalg.det(drawn[:, :, :2]) > 0).all()


def test_windows_are_as_wide_as_the_recipe_says_and_where_it_says() -> None:
    strength = Augmentation(smallest=0.7, largest=1.2, stretch=0, shift=0.1, rotation=12)
    warp = draw_views(np.random.default_rng(0), strength, 1000)["warp"]
    sides = np.hypot(warp[:, 0, 0], warp[:, 1, 0])
    assert 0.7 <= sides.min() < 0.71
    assert 1.19 < sides.max() <= 1.2 + 1e-6
    off = np.abs(warp @ [0.5, 0.5, 1] - 0.5)
    assert 0.099 < off.max() <= 0.1 + 1e-6
    rolled = np.rad2deg(np.abs(np.arctan2(warp[:, 1, 0], np.abs(warp[:, 0, 0]))))
    assert 11.9 < rolled.max() <= 12 + 1e-3


def test_grey_views_are_grey() -> None:
    drawn = draw_views(np.random.default_rng(0), Augmentation(grey=1), 2)
    found = rendered(faces(2), still(2, colour=drawn["colour"])).astype(int)
    assert np.abs(found - found[..., :1]).max() <= 1


def test_contrast_leaves_the_middle_alone_and_brightness_does_not() -> None:
    grey = np.full((1, SIDE, SIDE, 3), 128, np.uint8)

    def coloured(**strength: Any) -> NDArray[np.uint8]:
        only = replace(STILL, **strength)
        return rendered(grey, draw_views(np.random.default_rng(0), only, 1))

    assert apart(coloured(contrast=0.5), 128).max() <= 1
    assert apart(coloured(brightness=0.5), 128).min() > 5


def test_an_erased_rectangle_is_where_it_was_drawn() -> None:
    views = still(2, erased=[[0.25, 0.5, 0.5, 0.25, 7], [0, 0, 0, 0, 0]])
    found, plain = (
        rendered(faces(2), views, size=64, erase=1),
        rendered(faces(2), still(2), size=64),
    )
    assert (found[0, 32:48, 16:48] == 7).all()
    changed = (found != plain).any(axis=3)
    assert not changed[1].any()
    changed[0, 32:48, 16:48] = False
    assert not changed.any()


def test_rectangles_are_drawn_for_a_share_and_lie_within_the_view() -> None:
    drawn = draw_views(np.random.default_rng(0), Augmentation(erase=0.2), 2000)["erased"]
    some = drawn[drawn[:, 2] > 0]
    assert 0.17 < len(some) / len(drawn) < 0.23
    assert (drawn[drawn[:, 2] == 0] == 0).all()
    area = some[:, 2] * some[:, 3]
    assert area.min() >= 0.02 - 1e-6
    assert area.max() <= 0.15 + 1e-6
    assert (some[:, :2] + some[:, 2:4]).max() <= 1 + 1e-6
    assert some[:, 4].min() >= 0
    assert some[:, 4].max() <= 255


def test_a_blend_is_of_both_views_in_their_shares() -> None:
    views = still(3, share=[0.75, 1, 0.5], partner=[1, 2, 0])
    plain = rendered(faces(3), still(3)).astype(float)
    share = views["share"][:, None, None, None]
    expected = share * plain + (1 - share) * plain[[1, 2, 0]]
    found = rendered(faces(3), views, mixup=0.2)
    assert np.abs(found - expected).max() <= 0.5
    assert (found[1] == plain[1]).all()


def test_partners_are_a_permutation_and_each_keeps_the_larger_share() -> None:
    drawn = draw_views(np.random.default_rng(0), Augmentation(mixup=1.0), 400)
    assert sorted(drawn["partner"]) == list(range(400))
    assert 0.5 <= drawn["share"].min() < 0.51
    assert drawn["share"].mean() == pytest.approx(0.75, abs=0.02)  # of Beta(1, 1)
    unblended = draw_views(np.random.default_rng(0), Augmentation(), 4)
    assert unblended["partner"].tolist() == [0, 1, 2, 3]
    assert (unblended["share"] == 1).all()


@pytest.mark.parametrize("sigma", [0.5, 1.3])
def test_a_blurred_view_is_a_gaussians(sigma: float) -> None:
    found = rendered(faces(2), still(2, blur=[sigma, 0]), blur=0.5)
    plain = rendered(faces(2), still(2))
    # The Gaussian comes before the sampling, where the crop's border is another.
    inner = slice(4, -4)
    assert apart(found[0], blur(plain[0], sigma))[inner, inner].mean() < 0.5
    assert (found[1] == plain[1]).all()


def test_a_sharpened_view_is_an_unsharp_masks() -> None:
    found = rendered(faces(2), still(2, sharpen=[0.8, 0]), sharpen=0.5)
    plain = rendered(faces(2), still(2))
    mask = ImageFilter.UnsharpMask(SHARPENING_SIGMA, 80, 0)
    expected = np.asarray(Image.fromarray(plain[0]).filter(mask))
    assert apart(found[0], expected).mean() < 0.3 * apart(plain[0], expected).mean()
    assert (found[1] == plain[1]).all()


def test_noise_is_white_as_strong_as_drawn_and_read_where_it_was_drawn() -> None:
    grey = np.full((4, SIDE, SIDE, 3), 128, np.uint8)
    at = [[3, 5], [3, 5], [500, 90], [0, 0]]
    views = still(4, noise=[8, 8, 3, 0], noise_at=at)
    found = rendered(grey, views, noise=0.5).astype(float) - 128
    assert (found[0] == found[1]).all()
    assert found[0].std() == pytest.approx(8, rel=0.03)
    assert found[2].std() == pytest.approx(3, rel=0.03)
    assert not found[3].any()
    assert abs(found[0].mean()) < 0.2
    for other in (
        found[2],
        np.roll(found[0], 1, 0),
        np.roll(found[0], 1, 1),
        np.roll(found[0], 1, 2),
    ):
        assert abs(np.corrcoef(found[0].ravel(), other.ravel())[0, 1]) < 0.03


@pytest.mark.parametrize("size", [96, 100, 75])
@pytest.mark.parametrize("quality", [25, 50, 80])
def test_a_compressed_view_is_nearly_what_libjpeg_makes_of_it(size: int, quality: int) -> None:
    scale = 50 / quality if quality < 50 else 2 - quality / 50
    found = rendered(faces(2), still(2, jpeg=[scale, 0]), size=size, jpeg=0.5)
    plain = rendered(faces(2), still(2), size=size)
    data = io.BytesIO()
    Image.fromarray(plain[0]).save(data, "JPEG", quality=quality, subsampling="4:2:0")
    expected = np.asarray(Image.open(data))
    assert apart(found[0], expected).mean() < 0.35 * apart(plain[0], expected).mean()
    assert (found[1] == plain[1]).all()


def test_what_the_strength_rules_out_is_not_rendered() -> None:
    drawn = still(2, sharpen=1, noise=9, jpeg=2, erased=[[0, 0, 1, 1, 0]] * 2, share=0.5)
    drawn = {
        name: np.broadcast_to(value, (2, *np.shape(value)[1:])) for name, value in drawn.items()
    }
    assert (rendered(faces(2), drawn) == rendered(faces(2), still(2))).all()


@pytest.mark.parametrize("size", [96, 128, 75])
@pytest.mark.parametrize("target", [-4.5, -3.5, -2.5])
def test_views_are_read_as_crops_are_for_an_estimate(size: int, target: float) -> None:
    plain = rendered(faces(12, 147), still(12), size=size)
    reading = Reading(softness=target)
    expected = reading.read_all(plain)
    found = rendered(faces(12, 147), still(12), size=size, reading=reading)
    difference = apart(found, expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.001
    assert target == -2.5 or apart(plain, expected).mean() > 0.5


@pytest.mark.parametrize("share", [1.0, 0.5, 0.125])
def test_dark_views_are_read_as_dark_crops_are_for_an_estimate(share: float) -> None:
    dark = darkened(faces(12, 147), share)
    plain = rendered(dark, still(12))
    for reading in (
        Reading(highlights=180.0),
        Reading(face_highlights=150.0),
        Reading(softness=-3.5, highlights=100.0, face_highlights=150.0),
    ):
        expected = reading.read_all(plain)
        difference = apart(rendered(dark, still(12), reading=reading), expected)
        assert difference.max() <= 1
        assert (difference > 0).mean() < 0.001
        assert share == 1 or apart(plain, expected).mean() > 5


def test_a_crop_of_one_colour_stays_itself_however_soft_crops_shall_be() -> None:
    grey = np.full((1, SIDE, SIDE, 3), 77, np.uint8)
    assert (rendered(grey, still(1), reading=Reading(softness=-9.0)) == 77).all()


def test_what_is_erased_is_not_softened() -> None:
    views = still(1, erased=[[0.25, 0.25, 0.5, 0.5, 255]])
    found = rendered(faces(1), views, reading=Reading(softness=-5.0), erase=1)
    assert (found[0, 24:72, 24:72] == 255).all()


def test_shares_of_the_views_get_up_to_the_most() -> None:
    strength = Augmentation(blur=0.1, sharpen=0.3, noise=0.5, jpeg=1)
    drawn = draw_views(np.random.default_rng(0), strength, 3000)
    most = {"blur": MOST_BLUR, "sharpen": MOST_SHARPENING, "noise": MOST_NOISE, "jpeg": MOST_JPEG}
    for name, limit in most.items():
        some = drawn[name][drawn[name] > 0]
        assert len(some) / 3000 == pytest.approx(getattr(strength, name), abs=0.03)
        assert 0.95 * limit < some.max() <= np.float32(limit)
        assert some.min() < 0.15 * limit
    plain = draw_views(np.random.default_rng(0), Augmentation(), 100)
    assert not any(plain[name].any() for name in most)


def test_a_recipe_of_before_asks_for_none_of_them_and_more_than_all_is_refused() -> None:
    before: dict[str, Any] = dict(vars(Augmentation()))
    for name in ("blur", "sharpen", "noise", "jpeg"):
        more: dict[str, Any] = {name: 1.5}
        del before[name]
        with pytest.raises(RecipeInvalid, match=f"{name} must lie between 0 and 1"):
            Augmentation(**more)
    assert Augmentation(**before) == Augmentation()


def test_pixels_are_computed_in_full_in_a_network_of_half_precision() -> None:
    views = draw_views(np.random.default_rng(1), EVERYTHING, 4)
    expected = np.asarray(RenderViews(SIZE, EVERYTHING, SOFT)(faces(4), views))
    with computing_in("bfloat16"):
        found = np.asarray(RenderViews(SIZE, EVERYTHING, SOFT)(faces(4), views))
    assert (found == expected).all()


def test_a_layer_of_views_has_nothing_to_learn_or_to_remember() -> None:
    layer = RenderViews(SIZE, EVERYTHING, SOFT)
    layer(faces(2), still(2))
    assert layer.variables == []


def test_backends_render_alike_and_compiled_or_not(tmp_path: Path) -> None:
    """A pixel more or less in a hundred thousand: where a coefficient lies half-way between two
    steps of the quantiser, a block may come out one step apart."""
    subprocess.run(
        [sys.executable, "-m", "tests.vision.rendered_here", str(tmp_path / "views.npy")],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "jax"},
        check=True,
    )
    assert keras.backend.backend() == "tensorflow"
    views = draw_views(np.random.default_rng(1), EVERYTHING, 16)
    here = np.asarray(RenderViews(SIZE, EVERYTHING, SOFT)(faces(16), views))
    for elsewhere in (np.load(tmp_path / "views.npy"), compiled()):
        assert (apart(elsewhere, here) > 1).mean() < 1e-4
        assert (apart(elsewhere, here) > 0).mean() < 1e-2


@pytest.mark.skipif(
    "FACEROUTE_UTKFACE" not in os.environ,
    reason="FACEROUTE_UTKFACE does not name UTKFace's archive, which may not be distributed.",
)
@pytest.mark.parametrize("size", [96, 128])
def test_the_most_goes_as_far_as_edits_of_photos_do_and_not_much_further(size: int) -> None:
    """In root mean square levels, over UTKFace's crops at the size of a network."""
    with LabelledFiles(Path(os.environ["FACEROUTE_UTKFACE"])) as files:
        contents = [file.data for file in itertools.islice(files, 0, 3000, 50)]
    photos = [np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for data in contents]
    whole = (0, 0, 200, 200)
    plain = np.stack([reduced(photo, size, whole) for photo in photos]).astype(np.float32)
    most = np.ones(len(plain), np.float32)
    at = np.zeros((len(plain), 2), np.int32)

    def far(pixels: object) -> float:
        return float(np.sqrt(np.square(np.asarray(pixels) - plain).mean()))

    def edited(edit: Change) -> float:
        return far(np.stack([reduced(edit(photo), size, whole) for photo in photos]))

    blurred = far(view_ops.blurred(plain, MOST_BLUR * most))
    sharpened = far(view_ops.sharpened(plain, MOST_SHARPENING * most, SHARPENING_SIGMA))
    noisy = far(view_ops.noisy(plain, MOST_NOISE * most, at))
    compressed = far(view_ops.compressed(plain, MOST_JPEG * most))
    for found, edit in (
        (blurred, "blur_2"), (blurred, "reduced_64"), (sharpened, "sharpened"),
        (noisy, "noise_8"), (compressed, "jpeg_30"),
    ):  # fmt: skip
        assert 1 <= found / edited(EDITS[edit]) < 2.2, edit
