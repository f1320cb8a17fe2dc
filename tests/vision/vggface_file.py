"""A stand-in for VGGFace's weights: the layout of the real file, which is 58 MB abroad."""

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from vision.backbone.vgg16 import CONVOLUTIONS, backbone_tensors, build_backbone

Weights = dict[str, NDArray[np.float32]]
FILE = "rcmalli_vggface_tf_notop_vgg16.h5"


def draw_weights() -> Weights:
    drawn = np.random.default_rng(7)
    return {
        name: drawn.normal(size=values.shape).astype(np.float32)
        for name, values in backbone_tensors(build_backbone(48)).items()
    }


def write_weights(folder: Path, weights: Weights) -> Path:
    """Laid out as Keras 2 wrote it: a group a layer, pooling layers included, names in bytes."""
    path = folder / FILE
    pools = [f"pool{block}" for block in range(1, 6)]
    with h5py.File(path, "w") as h5:
        h5.attrs["layer_names"] = [name.encode() for name in ["input_1", *CONVOLUTIONS, *pools]]
        h5.attrs["backend"] = b"tensorflow"
        h5.attrs["keras_version"] = b"2.0.6"
        for name in ["input_1", *pools]:
            h5.create_group(name).attrs["weight_names"] = []
        for name in CONVOLUTIONS:
            group = h5.create_group(name)
            parts = [f"{name}/kernel:0", f"{name}/bias:0"]
            group.attrs["weight_names"] = [part.encode() for part in parts]
            group.create_dataset(parts[0], data=weights[f"{name}/kernel"])
            group.create_dataset(parts[1], data=weights[f"{name}/bias"])
    return path
