"""Views of a face, rendered on whichever Keras backend the process has.

`python -m tests.vision.rendered_here FILE` leaves them in the file, compiled.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from vision.crops.reading import AS_THEY_ARE, Reading
from vision.training.network_recipes import Augmentation
from vision.training.views import RenderViews, draw_views

SIDE, SIZE = 110, 96
STILL = Augmentation(
    smallest=1, largest=1, rotation=0, shift=0, stretch=0, mirror=False,
    brightness=0, contrast=0, saturation=0, grey=0, erase=0,
)  # fmt: skip
EVERYTHING = Augmentation(mixup=0.3, erase=0.5, blur=0.5, sharpen=0.5, noise=0.5, jpeg=0.5)
SOFT = Reading(softness=-3.0)


def faces(count: int, side: int = SIDE) -> NDArray[np.uint8]:
    """One face, each time a little further off."""
    photo = Image.fromarray(data.astronaut())  # type: ignore[no-untyped-call]
    boxes = [(168 - i, 60 - i, 282 + i, 174 + i) for i in range(count)]
    resample = Image.Resampling.LANCZOS
    return np.stack([np.asarray(photo.resize((side, side), resample, box)) for box in boxes])


def still(count: int, **views: Any) -> dict[str, NDArray[Any]]:
    """Views that change nothing, but for what is given."""
    plain = draw_views(np.random.default_rng(0), STILL, count)
    return plain | {name: np.asarray(value, plain[name].dtype) for name, value in views.items()}


def rendered(
    crops: NDArray[np.uint8],
    views: dict[str, NDArray[Any]],
    *,
    size: int = SIZE,
    reading: Reading = AS_THEY_ARE,
    **strength: Any,
) -> NDArray[np.uint8]:
    """The views of crops; those of `STILL` strength, but for what is given."""
    return np.asarray(RenderViews(size, replace(STILL, **strength), reading)(crops, views))


def compiled() -> NDArray[np.uint8]:
    """Views of 16 faces with everything in them, by a compiled layer."""
    import keras

    layer = RenderViews(SIZE, EVERYTHING, SOFT)
    views = draw_views(np.random.default_rng(1), EVERYTHING, 16)
    if keras.backend.backend() == "jax":
        import jax

        return np.asarray(jax.jit(layer)(faces(16), views))
    import tensorflow as tf

    return tf.function(layer, jit_compile=True)(faces(16), views).numpy()  # type: ignore[no-any-return]


if __name__ == "__main__":
    with Path(sys.argv[1]).open("wb") as file:
        np.save(file, compiled())
