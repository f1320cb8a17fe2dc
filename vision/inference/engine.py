"""The engine on TensorFlow: for GPUs, for training, and the reference for every other."""

import logging
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision.attributes import ATTRIBUTES
from vision.backbone.precision import choose_precision, computing_in
from vision.backbone.vgg16 import build_backbone, preprocess, set_layer
from vision.bundles.bundle import Bundle
from vision.heads.specs import HeadSpec, build_head

from .base import BaseEngine, Outputs

logger = logging.getLogger(__name__)


class Engine(BaseEngine):
    """One model bundle, ready to predict. Not for use by several threads at once."""

    # A graph is traced once for each of these; a smaller batch is padded up to the next.
    batch_sizes: tuple[int, ...] = (1, 2, 4, 8, 16)

    def __init__(
        self, bundle: Bundle, *, heads: Collection[str] = ATTRIBUTES, precision: str = "auto"
    ) -> None:
        """Raises BundleIncompatible; ValueError for the precision."""
        super().__init__(bundle, heads=heads)
        self.precision = choose_precision(precision)
        self._forward = _compile(build_model(bundle, self.specs, self.precision))
        self._out_of_memory = _out_of_memory()

    def _run(self, crops: NDArray[np.uint8]) -> Outputs:
        size = next(size for size in self.batch_sizes if size >= len(crops))
        try:
            return self._run_padded(crops, size)
        except self._out_of_memory:
            if size == 1:
                raise
        self._take_at_most(size // 2)
        return self._in_batches(crops)

    def _take_at_most(self, size: int) -> None:
        """From now on, since whoever shares the device's memory will not give it back soon."""
        logger.warning(
            "The device's memory does not suffice for %d faces at once; the network takes %d at "
            "most from now on.",
            2 * size,
            size,
        )
        self.batch_sizes = tuple(each for each in self.batch_sizes if each <= size)

    def _run_padded(self, crops: NDArray[np.uint8], size: int) -> Outputs:
        count = len(crops)
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


def _out_of_memory() -> tuple[type[Exception], ...]:
    """What TensorFlow raises where a device's memory does not suffice."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return ()
    import tensorflow as tf

    return (tf.errors.ResourceExhaustedError,)
