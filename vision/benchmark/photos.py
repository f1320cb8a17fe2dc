"""The photos that steps are measured on, made of one portrait."""

import io

import numpy as np
from PIL import Image as Pillow

from vision.photos.decoding import encode_jpeg

PORTRAIT_SIDE = 512
MEDIUM = (1952, 1332)  # 2.6 megapixels
LARGE = (4032, 3024)  # 12.2 megapixels, as most phones take them
_GROUP = (4, 2)  # faces beside and above one another
_GROUP_SIDE = 256  # pixels of each of their portraits
_GRAIN = 3.0  # standard deviation; without a sensor's noise an enlarged photo decodes too fast


def made_of(portrait: bytes) -> dict[str, bytes]:
    """`portrait` (512 pixels wide), `group` (eight faces), `medium` (2.6 megapixels) and `large`
    (12.2 megapixels): JPEGs of an encoded photo of one face.

    The two large ones are photos of the same face, enlarged, cut to a camera's proportions, with
    the grain of a sensor; the largest stores colour as phones do. Raises OSError for bytes that are
    no image.
    """
    with Pillow.open(io.BytesIO(portrait)) as opened:
        image = opened.convert("RGB")
    small = image.resize((PORTRAIT_SIDE, round(PORTRAIT_SIDE * image.height / image.width)))
    return {
        "portrait": encode_jpeg(small),
        "group": encode_jpeg(_group(image)),
        "medium": encode_jpeg(_enlarged(image, MEDIUM)),
        "large": encode_jpeg(_enlarged(image, LARGE), chroma="4:2:0"),
    }


def _group(image: Pillow.Image) -> Pillow.Image:
    columns, rows = _GROUP
    one = image.resize((_GROUP_SIDE, _GROUP_SIDE))
    group = Pillow.new("RGB", (columns * _GROUP_SIDE, rows * _GROUP_SIDE))
    for index in range(columns * rows):
        group.paste(one, (index % columns * _GROUP_SIDE, index // columns * _GROUP_SIDE))
    return group


def _enlarged(image: Pillow.Image, size: tuple[int, int]) -> Pillow.Image:
    """The photo at the height of `size`, on grey to its width."""
    width, height = size
    whole = Pillow.new("RGB", size, (110, 110, 110))
    portrait = image.resize((round(height * image.width / image.height), height))
    whole.paste(portrait, ((width - portrait.width) // 2, 0))
    grain = np.random.default_rng(0).normal(0, _GRAIN, (height, width, 1))
    return Pillow.fromarray((np.asarray(whole) + grain).clip(0, 255).astype(np.uint8))
