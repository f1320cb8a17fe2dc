"""A backbone by itself, from crops to the output of one of its poolings."""

import hashlib
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vision.backbone.precision import choose_precision, computing_in, has_gpu
from vision.backbone.vgg16 import backbone_fingerprint, build_backbone, preprocess
from vision.bundles.bundle import Bundle
from vision.crops.reading import Reading

Cut = Literal["pool4", "pool5"]
Features = NDArray[np.float16]

BATCH = 32  # crops at most

_PREPROCESSING = "vggface-1, bilinear"
_LARGEST_HALF = float(np.finfo(np.float16).max)

_Network = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class Extractor:
    """A bundle's backbone from crops, read as the bundle says, to the output of a pooling layer.

    It is computed by TensorFlow on a GPU and by OpenVINO on a CPU; the two are the same to 1e-4 of
    the largest feature in float32.
    """

    def __init__(self, backbone: Bundle, cut: Cut) -> None:
        self._bundle = backbone
        self._reading = Reading.of(backbone.manifest)
        self._cut = cut
        self._network: _Network | None = None
        self._engine = "tensorflow" if has_gpu() else "openvino"
        self.precision = self._chosen_precision()
        self.input_size: int = backbone.manifest["input_size"]
        side = self.input_size // (32 if cut == "pool5" else 16)
        self.shape = (side, side, 512)

    @property
    def key(self) -> str:
        """Names the backbone's weights and all else that the features depend on.

        What computes them is part of it, since in float16 what is nearly the same may round to
        different values; features by TensorFlow have the key that they had when nothing else
        computed any.
        """
        backbone = backbone_fingerprint(self._bundle.tensors)
        about = [backbone, self._cut, self.input_size, _PREPROCESSING, self.precision]
        if reading := self._reading.as_json():
            about.append(reading)
        if self._engine != "tensorflow":
            about.append(self._engine)
        return hashlib.sha256(repr(tuple(about)).encode()).hexdigest()[:32]

    def __call__(self, crops: NDArray[np.uint8]) -> Features:
        """Crops (N, S, S, 3) RGB → features (N, s, s, 512), N being at most BATCH."""
        if self._network is None:
            self._network = self._loaded()
        found = self._network(self._reading.read_all(crops))
        return found.clip(max=_LARGEST_HALF).astype(np.float16)

    def _chosen_precision(self) -> str:
        if self._engine == "tensorflow":
            return choose_precision()
        from vision.inference.openvino_engine import choose_cpu_precision

        return choose_cpu_precision("auto")

    def _loaded(self) -> _Network:
        if self._engine == "tensorflow":
            return _in_tensorflow(self._bundle, self._cut, self.precision)
        from vision.inference.openvino_engine import load_backbone

        return load_backbone(self._bundle, self._cut, self.precision)


def _in_tensorflow(bundle: Bundle, cut: Cut, precision: str) -> _Network:
    import keras

    with computing_in(precision):
        backbone = build_backbone(bundle.manifest["input_size"], bundle.tensors)
    model: Any = keras.Model(backbone.input, backbone.get_layer(cut).output)

    def network(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        # Always of one size, for which alone it is compiled.
        padded = np.pad(crops, ((0, BATCH - len(crops)), (0, 0), (0, 0), (0, 0)))
        found = np.asarray(model.predict_on_batch(preprocess(padded)), np.float32)
        return found[: len(crops)]

    return network
