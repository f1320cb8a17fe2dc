"""keras-vggface's VGG16 with batch normalisation after every convolution, for training alone.

The normalisation is folded into the convolutions afterwards, so that what is saved is exactly
keras-vggface's graph. Keras 3's own API only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from vision.backbone.vgg16 import CONVOLUTIONS, build_backbone, preprocess
from vision.bundles.bundle import Bundle
from vision.heads.specs import HeadSpec, build_head
from vision.inference.engine import load_head

_EPSILON = 1e-3
_MOMENTUM = 0.9  # of the moving statistics; the average of the weights smooths them further


class Preprocess(keras.layers.Layer):  # type: ignore[misc]
    """`backbone.preprocess` as a layer: what travels to the network stays uint8."""

    def call(self, crops: Any) -> Any:
        mean = -preprocess(np.zeros((1, 1, 1, 3), np.uint8))
        bgr = ops.flip(ops.cast(crops, "float32"), axis=-1)
        return ops.cast(bgr - mean, self.compute_dtype)


def build_network(specs: Sequence[HeadSpec]) -> Any:
    """A Keras model: crops uint8 (N, S, S, 3) RGB of any size S → a dict of head outputs.

    The convolutions have the names and shapes of keras-vggface's, no bias, and He's
    initialisation (He et al., ICCV 2015). Backbone layers compute in the dtype policy in force.
    """
    crops = keras.Input((None, None, 3), dtype="uint8", name="crops")
    x = Preprocess(name="preprocess")(crops)
    for layer in build_backbone(48).layers[1:]:
        if layer.name in CONVOLUTIONS:
            x = keras.layers.Conv2D(
                layer.filters,
                layer.kernel_size,
                padding=layer.padding,
                use_bias=False,
                kernel_initializer="he_normal",
                name=layer.name,
            )(x)
            x = keras.layers.BatchNormalization(
                momentum=_MOMENTUM, epsilon=_EPSILON, name=f"{layer.name}_norm"
            )(x)
            x = keras.layers.ReLU(name=f"{layer.name}_relu")(x)
        else:
            x = keras.layers.MaxPooling2D(layer.pool_size, layer.strides, name=layer.name)(x)
    return keras.Model(crops, {spec.name: build_head(x, spec)(x) for spec in specs})


def freeze(network: Any, blocks: int) -> None:
    """Let the first blocks of the backbone, with the statistics of their normalisation, stay."""
    for name in CONVOLUTIONS:
        if int(name[len("conv")]) <= blocks:
            network.get_layer(name).trainable = False
            _norm(network, name).trainable = False


def folded_backbone(network: Any) -> dict[str, NDArray[np.float32]]:
    """The backbone's tensors as a bundle stores them, the normalisation at inference folded in.

    gamma (k * x - mean) / sqrt(variance + epsilon) + beta is one convolution with a bias.
    """
    tensors = {}
    for name in CONVOLUTIONS:
        kernel, norm = network.get_layer(name).get_weights()[0], _norm(network, name)
        gamma, beta, mean, variance = norm.get_weights()
        scale = gamma / np.sqrt(variance + _EPSILON)
        tensors[f"{name}/kernel"] = (kernel * scale).astype(np.float32)
        tensors[f"{name}/bias"] = (beta - mean * scale).astype(np.float32)
    return tensors


def start_from(network: Any, bundle: Bundle, batches: Iterable[NDArray[np.uint8]]) -> None:
    """Give a network a bundle's backbone, its normalisation being the identity at inference.

    The statistics of each convolution's outputs are measured on batches of crops (N, S, S, 3),
    and scale and shift undo them, so that training starts with outputs it can normalise. Heads
    that the bundle has in the same shape are taken over.
    """
    tensors = bundle.tensors
    for name in CONVOLUTIONS:
        kernel, bias = tensors[f"{name}/kernel"], tensors[f"{name}/bias"].astype(np.float32)
        network.get_layer(name).set_weights([kernel.astype(np.float32)])
        _set_identity(network, name, bias, np.zeros_like(bias), np.ones_like(bias))
    for name, (mean, variance) in _measured(network, batches).items():
        bias = tensors[f"{name}/bias"].astype(np.float32)
        _set_identity(network, name, bias, mean, variance)
    _take_heads(network, bundle)


def _measured(
    network: Any, batches: Iterable[NDArray[np.uint8]]
) -> Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Mean and variance of every convolution's outputs, by channel."""
    outputs = {name: network.get_layer(name).output for name in CONVOLUTIONS}
    probe = keras.Model(network.input, outputs)
    sums: dict[str, list[Any]] = {name: [] for name in CONVOLUTIONS}
    for batch in batches:
        for name, values in probe.predict_on_batch(batch).items():
            found = np.asarray(values, np.float32).reshape(-1, values.shape[-1])
            sums[name].append((found.mean(axis=0), np.square(found).mean(axis=0)))
    means = {name: np.mean(pairs, axis=0) for name, pairs in sums.items()}
    return {name: (mean, square - mean**2) for name, (mean, square) in means.items()}


def _set_identity(
    network: Any,
    name: str,
    bias: NDArray[np.float32],
    mean: NDArray[np.float32],
    variance: NDArray[np.float32],
) -> None:
    """Let a normalisation add a bias and do nothing else, whatever its statistics are."""
    gamma = np.sqrt(variance + _EPSILON)
    _norm(network, name).set_weights([gamma, bias + mean, mean, variance])


def _take_heads(network: Any, bundle: Bundle) -> None:
    for name, spec in bundle.manifest["heads"].items():
        head = HeadSpec.from_json(name, spec)
        layer = next((one for one in network.layers if one.name == name), None)
        if layer is not None and _same_shape(layer, bundle, head):
            load_head(layer, replace(head, layers=(head.layers[-1],)), bundle)


def _same_shape(layer: Any, bundle: Bundle, head: HeadSpec) -> bool:
    """Whether a bundle's head is one dense layer like the network's own."""
    shapes = [weight.shape for weight in layer.weights]
    stored = [
        bundle.tensors.get(f"{head.name}/{head.layers[-1]['name']}/{part}")
        for part in ("kernel", "bias")
    ]
    return head.pooling == "max_mean" and shapes == [
        getattr(tensor, "shape", None) for tensor in stored
    ]


def _norm(network: Any, name: str) -> Any:
    return network.get_layer(f"{name}_norm")
