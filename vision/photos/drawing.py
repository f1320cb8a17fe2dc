"""A kept photo with its faces marked, or with faces covered so that nobody can uncover them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from vision.types import Box

from .decoding import redraw

SOLID, PIXELS = "solid", "pixels"
BLOCKS = 8  # across a region at most, which is more than across the face in it

# How far a region reaches beyond the box on each side, in parts of the box: the box ends at the
# hairline and the chin. And how far from the middle of the landmarks at least, in parts of the
# longest distance between two of them: a head that is turned reaches beyond its box.
_MARGIN = 0.25
_REACH = 1.6
_TEAL, _WHITE, _BLACK = (15, 118, 110), (255, 255, 255), (0, 0, 0)

Area = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels."""


@dataclass(frozen=True)
class Caption:
    """A face's box in pixels of the photo, and the lines to stand beside it.

    Pillow's own font draws them, which has Latin letters alone.
    """

    box: Box
    lines: Sequence[str]


def annotate(
    data: bytes,
    captions: Sequence[Caption],
    *,
    before_decoding: Callable[[int], None] = lambda _pixels: None,
) -> bytes:
    """A JPEG of a kept photo with a box and a caption for every face. Raises as `redraw` does."""
    return redraw(data, lambda image: _mark(image, captions), before_decoding=before_decoding)


def anonymise(
    data: bytes,
    regions: Sequence[Box],
    how: str,
    *,
    before_decoding: Callable[[int], None] = lambda _pixels: None,
) -> bytes:
    """A JPEG of a kept photo with regions (see `region_of`) covered; raises as `redraw` does.

    `how`: SOLID, in black, or PIXELS, the mean colours of at most BLOCKS by BLOCKS squares.
    """
    cover = _blacken if how == SOLID else _pixelate
    # The largest first: the blocks of a smaller one are then means of the larger one's, and do not
    # show it more finely than it is to be shown.
    ordered = sorted(regions, key=lambda one: -one.width * one.height)

    def draw(image: Pillow.Image) -> None:
        for region in ordered:
            cover(image, region)

    return redraw(data, draw, before_decoding=before_decoding)


def region_of(box: Box, landmarks: Sequence[Sequence[float]]) -> Box:
    """What to cover of a face so that all of it is covered, whichever way it is turned.

    `landmarks`: its points (N, 2) in pixels of the photo; there may be none. The region may reach
    beyond the photo.
    """
    corners = np.array([[box.x, box.y], [box.x + box.width, box.y + box.height]], np.float64)
    margin = _MARGIN * (corners[1] - corners[0])
    low, high = corners[0] - margin, corners[1] + margin
    points = np.array(landmarks, np.float64).reshape(-1, 2)
    if len(points):
        middle = points.mean(axis=0)
        reach = _REACH * np.linalg.norm(points[:, None] - points, axis=2).max()
        low, high = np.minimum(low, middle - reach), np.maximum(high, middle + reach)
    x, y = np.floor(low).astype(int).tolist()
    right, bottom = np.ceil(high).astype(int).tolist()
    return Box(x, y, right - x, bottom - y)


def _blacken(image: Pillow.Image, region: Box) -> None:
    image.paste(_BLACK, _clipped(_area(region), image))


def _pixelate(image: Pillow.Image, region: Box) -> None:
    area = _clipped(_area(region), image)
    part = image.crop(area)
    block = max(region.width, region.height) / BLOCKS
    small = max(1, int(part.width / block)), max(1, int(part.height / block))
    means = part.resize(small, Pillow.Resampling.BOX)
    image.paste(means.resize(part.size, Pillow.Resampling.NEAREST), area)


def _mark(image: Pillow.Image, captions: Sequence[Caption]) -> None:
    draw = ImageDraw.Draw(image)
    line = max(2, max(image.size) // 400)
    taken = [_area(one.box) for one in captions]
    for left, top, right, bottom in taken:
        edges = left - 1, top - 1, right + 1, bottom + 1
        draw.rectangle(edges, outline=_BLACK, width=line + 2)
        draw.rectangle((left, top, right, bottom), outline=_WHITE, width=line)
    for one in captions:
        taken.append(_caption(draw, image, one, taken))


def _caption(
    draw: ImageDraw.ImageDraw, image: Pillow.Image, caption: Caption, taken: Sequence[Area]
) -> Area:
    """Write a caption beside its box; where it stands."""
    size = _font_size(caption.box, image)
    font, text = ImageFont.load_default(size), "\n".join(caption.lines)
    _, _, width, height = draw.multiline_textbbox((0, 0), text, font=font, spacing=size // 4)
    pad = size // 3
    extent = round(width) + 2 * pad, round(height) + 2 * pad
    left, top = _free_place(caption.box, extent, image, taken)
    area = left, top, left + extent[0], top + extent[1]
    draw.rectangle(area, fill=_TEAL)
    draw.multiline_text((left + pad, top + pad), text, _WHITE, font=font, spacing=size // 4)
    return area


def _font_size(box: Box, image: Pillow.Image) -> int:
    """By the face, so that the captions of a crowd have room; to be read on the whole photo."""
    longest = max(image.size)
    return max(10, longest // 100, min(max(14, longest // 40), box.height // 7))


def _free_place(
    box: Box, extent: tuple[int, int], image: Pillow.Image, taken: Sequence[Area]
) -> tuple[int, int]:
    """Below the box, above, to the right or to the left: where least of what is there is covered.

    The left and the top of it, within the photo.
    """
    width, height = extent
    places = [
        (box.x, box.y + box.height),
        (box.x, box.y - height),
        (box.x + box.width, box.y),
        (box.x - width, box.y),
    ]
    within = [
        (max(0, min(x, image.width - width)), max(0, min(y, image.height - height)))
        for x, y in places
    ]
    return min(within, key=lambda at: _covered((*at, at[0] + width, at[1] + height), taken))


def _covered(area: Area, taken: Sequence[Area]) -> int:
    """How many pixels of each of some areas another covers, all together."""
    there = np.array(taken).reshape(-1, 4)
    left_top, right_bottom = np.maximum(there[:, :2], area[:2]), np.minimum(there[:, 2:], area[2:])
    return int(np.maximum(right_bottom - left_top, 0).prod(axis=1).sum())


def _area(box: Box) -> Area:
    return box.x, box.y, box.x + box.width, box.y + box.height


def _clipped(area: Area, image: Pillow.Image) -> Area:
    left, top, right, bottom = area
    return max(0, left), max(0, top), min(image.width, right), min(image.height, bottom)
