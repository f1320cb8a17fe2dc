"""A network whose convolutions compute in integers of 8 bits: the fastest there is on a CPU.

OpenVINO makes integer kernels of what is rounded here (its low-precision transformations). Between
what numbers the values of a layer lie is measured on patterns that are made here, so that every
version can be computed so, without a photo: faces come to up to three times as much in the deepest
layers, which the margin allows for. What it does to estimates: docs/experiments/engine.md.
"""

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as operators

_LEVELS = 256
_WEIGHT_LEVELS = 255  # as many below zero as above
_MARGIN = 3.0
_PATTERNS = 16
_COARSEST = 6  # cells of 2 ** 6 pixels


def quantised(core: ov.Core, model: ov.Model, size: int) -> ov.Model:
    """The model, changed in place, with inputs and weights of its convolutions in 8 bits.

    `model`: from crops uint8 (N, size, size, 3) to anything.
    """
    found = [one for one in model.get_ordered_ops() if one.get_type_name() == "Convolution"]
    bounds = _bounds(core, model, [one.input_value(0) for one in found], size)
    for convolution, (low, high) in zip(found, bounds, strict=True):
        values, weights = (convolution.input_value(place) for place in range(2))
        kernels = _folded(core, weights)
        most = np.abs(kernels).max(axis=(1, 2, 3), keepdims=True)  # of each channel that comes out
        rounded = (
            operators.fake_quantize(values, low, high, low, high, _LEVELS),
            operators.fake_quantize(kernels, -most, most, -most, most, _WEIGHT_LEVELS),
        )
        for place, one in enumerate(rounded):
            convolution.input(place).replace_source_output(one.output(0))
    return model


def patterns(size: int) -> NDArray[np.uint8]:
    """Coloured cells of every coarseness over one another: uint8 (N, size, size, 3), always the
    same."""
    rng = np.random.default_rng(0)
    made = np.empty((_PATTERNS, size, size, 3), np.uint8)
    for index, pattern in enumerate(made):
        layers = []
        for cell in 2 ** np.arange(index % _COARSEST + 1, _COARSEST + 1):
            cells = rng.integers(0, 256, (-(-size // cell), -(-size // cell), 3))
            layers.append(cells.repeat(cell, 0).repeat(cell, 1)[:size, :size])
        pattern[:] = np.mean(layers, axis=0)
    return made


def _bounds(
    core: ov.Core, model: ov.Model, outputs: list[ov.Output], size: int
) -> list[tuple[np.float32, np.float32]]:
    """Between what numbers the values of some outputs are taken to lie."""
    watched = core.compile_model(
        ov.Model(outputs, model.get_parameters()).clone(),
        "CPU",
        {"INFERENCE_PRECISION_HINT": "f32"},
    )
    said = [watched(crop[np.newaxis]).to_tuple() for crop in patterns(size)]
    return [
        (
            np.float32(_MARGIN * min(float(one.min()) for one in values)),
            np.float32(_MARGIN * max(float(one.max()) for one in values)),
        )
        for values in zip(*said, strict=True)
    ]


def _folded(core: ov.Core, weights: ov.Output) -> NDArray[np.float32]:
    """What constants come to, float32."""
    values = core.compile_model(ov.Model([weights], []), "CPU")({})[0]
    return np.array(values, np.float32)
