"""The backbone all heads share: keras-vggface's VGG16 up to `pool5`.

What builds it imports Keras; its names and shapes do not.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision.errors import BundleIncompatible

# Of each block, how many convolutions of 3 x 3 it has, and their channels.
_BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
BLOCKS: tuple[dict[str, int], ...] = tuple(
    {f"conv{block}_{number}": channels for number in range(1, count + 1)}
    for block, (count, channels) in enumerate(_BLOCKS, start=1)
)
"""The convolutions of each block, in their order, with their channels; a pooling ends a block."""
CONVOLUTIONS: tuple[str, ...] = tuple(name for block in BLOCKS for name in block)
BACKBONE_TENSORS: tuple[str, ...] = tuple(
    f"{name}/{part}" for name in CONVOLUTIONS for part in ("kernel", "bias")
)
SMALLEST_INPUT = 48  # keras-vggface's own limit
MEAN_RGB: tuple[float, float, float] = (129.1863, 104.7624, 93.5940)
"""VGGFace's mean, by which `preprocess` darkens crops."""

Tensors = Mapping[str, NDArray[Any]]


def build_backbone(input_size: int, weights: str | Path | Tensors | None = None) -> Any:
    """keras-vggface's VGG16 without its top: BGR less the mean, (S, S, 3) → `pool5` (s, s, 512).

    `weights`: None (random), "vggface" (downloaded by keras-vggface's own loader), the path of
    an .h5 file laid out like that download, or tensors named `convB_N/kernel` and `/bias`.
    Computes in the Keras dtype policy in force. Raises BundleIncompatible where tensors do not
    fit, and what Keras raises where a download or a file fails.
    """
    from .keras_vggface import VGGFace

    named = weights if weights == "vggface" else None
    backbone = VGGFace(
        model="vgg16", include_top=False, input_shape=(input_size, input_size, 3), weights=named
    )
    if isinstance(weights, Path):
        backbone.load_weights(weights, by_name=True)
    elif isinstance(weights, Mapping):
        for name in CONVOLUTIONS:
            set_layer(backbone.get_layer(name), name, weights)
    return backbone


def backbone_tensors(backbone: Any) -> dict[str, NDArray[np.float32]]:
    """The backbone's weights by the names a bundle stores them under."""
    return {
        f"{name}/{part}": values
        for name in CONVOLUTIONS
        for part, values in zip(
            ("kernel", "bias"), backbone.get_layer(name).get_weights(), strict=True
        )
    }


def backbone_fingerprint(tensors: Tensors) -> str:
    """SHA-256 of a backbone's weights as they are stored, in hexadecimal."""
    digest = hashlib.sha256()
    for name in BACKBONE_TENSORS:
        digest.update(np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()


def set_layer(layer: Any, name: str, tensors: Tensors) -> None:
    """Give a layer the tensors `name/kernel` and `name/bias`, as float32.

    Raises BundleIncompatible where one is missing or has another shape.
    """
    values = []
    for part, expected in zip(("kernel", "bias"), layer.get_weights(), strict=True):
        found = tensors.get(f"{name}/{part}")
        if found is None:
            raise BundleIncompatible("tensor_missing", name=f"{name}/{part}")
        if found.shape != expected.shape:
            shapes = {"found": str(found.shape), "wanted": str(expected.shape)}
            raise BundleIncompatible("tensor_shape", name=f"{name}/{part}", **shapes)
        values.append(np.asarray(found, np.float32))
    layer.set_weights(values)


def preprocess(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """RGB uint8 (N, S, S, 3) → float32 BGR less VGGFace's mean, by keras-vggface's version 1."""
    from .keras_vggface import utils

    prepared: NDArray[np.float32] = utils.preprocess_input(crops.astype(np.float32), version=1)
    return prepared
