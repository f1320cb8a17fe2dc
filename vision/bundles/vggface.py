"""VGGFace's own weights, through keras-vggface's own loader, as a bundle to train heads on."""

from pathlib import Path

from vision.backbone.vgg16 import CONVOLUTIONS, backbone_tensors, build_backbone
from vision.errors import VisionError

from .bundle import Bundle

INPUT_SIZE = 224  # what the weights were trained at

_MANIFEST = {
    "architecture": "vgg16",
    "input_size": INPUT_SIZE,
    "heads": {},
    "preprocessing": {"colour": "BGR", "mean": "vggface-1", "resize": "bilinear, antialiased"},
    "alignment": "utkface-1",
    "licence": "Non-commercial research only, as VGGFace's weights are.",
}


class WeightsUnavailable(VisionError):
    """VGGFace's weights cannot be downloaded or read."""

    code = "weights_unavailable"


def vggface_bundle(weights: Path | None = None) -> Bundle:
    """VGGFace's VGG16 at 224 pixels without heads, to the byte.

    `weights` is a file laid out as the one that keras-vggface's loader downloads
    (`rcmalli_vggface_tf_notop_vgg16.h5`); without it, that loader is asked. Raises
    WeightsUnavailable.
    """
    if weights is not None:
        _check_layout(weights)
    try:
        backbone = build_backbone(INPUT_SIZE, weights or "vggface")
    except Exception as error:  # of the network, the file or Keras: all kinds there are
        raise WeightsUnavailable() from error
    return Bundle(dict(_MANIFEST), dict(backbone_tensors(backbone)))


def _check_layout(file: Path) -> None:
    """Raises WeightsUnavailable where a file lacks a layer, which Keras would say nothing of."""
    import h5py

    try:
        with h5py.File(file) as h5:
            names = {
                name.decode() if isinstance(name, bytes) else str(name)
                for name in h5.attrs["layer_names"]
            }
    except (OSError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise WeightsUnavailable("file", name=file.name) from error
    if missing := set(CONVOLUTIONS) - names:
        raise WeightsUnavailable("layers", name=file.name, missing=sorted(missing))
