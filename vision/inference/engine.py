"""The model in memory: loaded once, then batches of face crops in, estimates out."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision.attributes import ATTRIBUTES
from vision.backbone.precision import choose_precision, computing_in
from vision.backbone.vgg16 import build_backbone, preprocess, set_layer
from vision.bundles.bundle import Bundle, load_bundle
from vision.crops.reading import Reading
from vision.errors import BundleIncompatible
from vision.heads.specs import HeadSpec, build_head, needs_mirror, parse_heads, read_estimates
from vision.types import FaceAttributes

# A graph is traced once for each of these sizes; a smaller batch is padded up to the next.
_BATCH_SIZES: tuple[int, ...] = (1, 2, 4, 8, 16)


class Engine:
    """One model bundle, ready to predict. Not for use by several threads at once."""

    def __init__(
        self, bundle: Bundle, *, heads: Collection[str] = ATTRIBUTES, precision: str = "auto"
    ) -> None:
        self.manifest = bundle.manifest
        self.input_size: int = bundle.manifest["input_size"]
        self._reading = Reading.of(bundle.manifest)
        self.precision = choose_precision(precision)
        self.specs: list[HeadSpec] = parse_heads(bundle.manifest, heads)
        if not self.specs:
            raise BundleIncompatible("heads_off")
        self._forward = _compile(build_model(bundle, self.specs, self.precision))

    @classmethod
    def load(
        cls, folder: Path, *, heads: Collection[str] = ATTRIBUTES, precision: str = "auto"
    ) -> "Engine":
        """Load and verify the bundle in `folder`.

        Raises BundleMissing, BundleCorrupt, BundleIncompatible; ValueError for the precision.
        """
        return cls(load_bundle(folder), heads=heads, precision=precision)

    def warm_up(self) -> None:
        """Trace and run every batch size once, so that the first photo does not pay for it."""
        for size in _BATCH_SIZES:
            self.predict(np.zeros((size, self.input_size, self.input_size, 3), np.uint8))

    def outputs(self, crops: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Every head's raw outputs, float32 (N, units), for crops uint8 (N, S, S, 3) RGB.

        S is `input_size`; N may be any number. They are read as the bundle says (`Reading`). Heads
        with test-time augmentation have it (`specs.needs_mirror`). Raises ValueError for another
        shape or dtype.
        """
        crops = self._read(crops)
        outputs = self._in_batches(crops)
        twice = {spec.name: needs_mirror(spec, outputs[spec.name]) for spec in self.specs}
        again = np.logical_or.reduce(list(twice.values()))
        if again.any():
            mirrored = self._in_batches(crops[again, :, ::-1])
            for name, chosen in twice.items():
                both = outputs[name][chosen], mirrored[name][chosen[again]]
                outputs[name][chosen] = np.mean(both, axis=0)
        return outputs

    def plain_outputs(self, crops: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """As `outputs`, without test-time augmentation."""
        return self._in_batches(self._read(crops))

    def _read(self, crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
        expected = (self.input_size, self.input_size, 3)
        if crops.ndim != 4 or crops.shape[1:] != expected or crops.dtype != np.uint8:
            raise ValueError(f"Crops must be uint8 (N, {self.input_size}, {self.input_size}, 3).")
        return self._reading.read_all(crops)

    def _in_batches(self, crops: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        largest = _BATCH_SIZES[-1]
        parts = [self._run(crops[i : i + largest]) for i in range(0, len(crops), largest)]
        return {
            spec.name: np.concatenate(
                [part[spec.name] for part in parts]
                or [np.empty((0, int(spec.layers[-1]["dense"])), np.float32)]
            )
            for spec in self.specs
        }

    def predict(
        self, crops: NDArray[np.uint8], widening: NDArray[np.float64] | None = None
    ) -> list[FaceAttributes]:
        """What the heads say of each crop, uint8 (N, S, S, 3) RGB, aligned to the template.

        `widening` (N,): factors by which ages are less sure than of such crops as calibrated them.
        """
        outputs = self.outputs(crops)
        columns = {
            spec.name: read_estimates(spec, outputs[spec.name], widening) for spec in self.specs
        }
        rows: list[dict[str, Any]] = [
            {name: column[i] for name, column in columns.items()} for i in range(len(crops))
        ]
        return [FaceAttributes.of(row) for row in rows]

    def _run(self, crops: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        count = len(crops)
        size = next(size for size in _BATCH_SIZES if size >= count)
        padded = np.pad(crops, ((0, size - count), (0, 0), (0, 0), (0, 0)))
        results = self._forward(preprocess(padded))
        return {name: np.asarray(result)[:count] for name, result in results.items()}


def build_model(bundle: Bundle, specs: Sequence[HeadSpec], precision: str) -> Any:
    """One Keras model: preprocessed crops → a dict of head outputs, over one backbone."""
    import keras

    with computing_in(precision):
        backbone = build_backbone(bundle.manifest["input_size"], bundle.tensors)
    outputs = {}
    for spec in specs:
        head = build_head(backbone.output, spec)
        load_head(head, spec, bundle)
        outputs[spec.name] = head(backbone.output)
    return keras.Model(backbone.input, outputs)


def load_head(head: Any, spec: HeadSpec, bundle: Bundle) -> None:
    """Give a head of `build_head` its weights. Raises BundleIncompatible where they do not fit."""
    for layer in spec.layers:
        if "dense" in layer:
            name = layer["name"]
            set_layer(head.get_layer(name), f"{spec.name}/{name}", bundle.tensors)


def _compile(model: Any) -> Any:
    """The model as a function of crops; on TensorFlow, which serves, without Keras in between."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return model.predict_on_batch
    import tensorflow as tf

    return tf.function(lambda crops: model(crops, training=False), reduce_retracing=False)
