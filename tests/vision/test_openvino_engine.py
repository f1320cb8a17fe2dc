"""The engine of a CPU says what TensorFlow says, of every kind of head and in any batch."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from tests.vision.training_set import SIZE, random_crops, small_backbone
from vision.backbone.precision import choose_precision
from vision.backbone.vgg16 import BLOCKS, MEAN_RGB, preprocess
from vision.bundles.bundle import Bundle, load_bundle
from vision.bundles.onnx_graph import INPUT, onnx_graph
from vision.errors import BundleIncompatible
from vision.heads.specs import HeadSpec, classic_heads
from vision.inference.engine import Engine
from vision.inference.int8 import patterns
from vision.inference.openvino_engine import OpenVinoEngine

STARTER = Path(__file__).parents[2] / "weights" / "starter"
TOLERANCE = 1e-4


def deck() -> Bundle:
    """Random weights under the heads of the student deck: flattened, scalar, binary and classes."""
    rng = np.random.default_rng(0)
    tensors: dict[str, NDArray[np.float32]] = {}
    channels = 3
    for name, wanted in [one for block in BLOCKS for one in block.items()]:
        tensors |= _layer(rng, name, (3, 3, channels, wanted))
        channels = wanted
    for spec in classic_heads():
        tensors |= _head(rng, spec, channels * (SIZE // 32) ** 2)
    heads = {spec.name: spec.as_json() for spec in classic_heads()}
    manifest = {"name": "deck", "architecture": "vgg16", "input_size": SIZE, "heads": heads}
    return Bundle(manifest, tensors)


def _head(rng: np.random.Generator, spec: HeadSpec, width: int) -> dict[str, NDArray[np.float32]]:
    tensors: dict[str, NDArray[np.float32]] = {}
    for layer in spec.layers:
        if "dense" in layer:
            tensors |= _layer(rng, f"{spec.name}/{layer['name']}", (width, layer["dense"]))
            width = layer["dense"]
    return tensors


def _layer(
    rng: np.random.Generator, name: str, shape: tuple[int, ...]
) -> dict[str, NDArray[np.float32]]:
    """A layer that keeps about the size of what goes through it."""
    kernel = rng.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape)
    bias = rng.normal(0, 0.1, shape[-1])
    return {
        f"{name}/kernel": kernel.astype(np.float32),
        f"{name}/bias": bias.astype(np.float32),
    }


BUNDLES = {
    "starter": lambda: load_bundle(STARTER),
    "small": small_backbone,
    "deck": deck,
}


def assert_equal(found: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
    """To 1e-4 of 1, or of the largest where that is more: a scalar head gives years."""
    assert found.dtype == np.float32
    largest = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(found, expected, atol=TOLERANCE * largest, rtol=0)


@pytest.mark.parametrize("name", BUNDLES)
def test_it_says_what_tensorflow_says(name: str) -> None:
    bundle = BUNDLES[name]()
    reference = Engine(bundle, precision="float32")
    engine = OpenVinoEngine(bundle, precision="float32")
    crops = random_crops(4, engine.input_size)
    for outputs in ("plain_outputs", "outputs"):
        expected, found = getattr(reference, outputs)(crops), getattr(engine, outputs)(crops)
        assert found.keys() == expected.keys()
        for head, values in expected.items():
            assert found[head].dtype == np.float32
            assert_equal(found[head], values)
    for said, wanted in zip(engine.predict(crops), reference.predict(crops), strict=True):
        assert said.age
        assert wanted.age
        assert said.age.years == pytest.approx(wanted.age.years, abs=0.01)
        for label, estimate in wanted.classes.items():
            assert said.classes[label].probabilities == pytest.approx(
                estimate.probabilities, abs=TOLERANCE
            )


@pytest.mark.parametrize("name", ["small", "deck"])
def test_another_program_that_runs_the_graph_comes_to_the_same(name: str) -> None:
    bundle = BUNDLES[name]()
    session = onnxruntime.InferenceSession(onnx_graph(bundle))
    crops = random_crops(5, SIZE)
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(names, {INPUT: crops}), strict=True))
    expected = OpenVinoEngine(bundle, precision="float32").plain_outputs(crops)
    assert found.keys() == expected.keys()
    for head, values in expected.items():
        assert_equal(found[head], values)


def test_a_face_gets_the_same_estimate_in_any_batch() -> None:
    engine = OpenVinoEngine(small_backbone(), precision="float32")
    crops = random_crops(17, SIZE)
    alone = np.concatenate([engine.outputs(crop[None])["age"] for crop in crops])
    for count in (0, 1, 3, 8, 9, 17):
        found = engine.outputs(crops[:count])["age"]
        assert found.shape == (count, 101)
        np.testing.assert_allclose(found, alone[:count], atol=1e-6)


def test_bfloat16_stays_close() -> None:
    bundle, crops = small_backbone(), random_crops(8, SIZE)
    exact = OpenVinoEngine(bundle, precision="float32").outputs(crops)
    rounded = OpenVinoEngine(bundle, precision="bfloat16").outputs(crops)
    for head, values in exact.items():
        assert np.abs(rounded[head] - values).max() < 0.05


def test_a_head_that_is_switched_off_is_not_computed() -> None:
    engine = OpenVinoEngine(small_backbone(), heads=("age", "gender"), precision="float32")
    assert set(engine.outputs(random_crops(2, SIZE))) == {"age", "gender"}
    with pytest.raises(BundleIncompatible, match="none of the heads"):
        OpenVinoEngine(small_backbone(), heads=())


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="float64"):
        OpenVinoEngine(small_backbone(), precision="float64")
    with pytest.raises(ValueError, match="uint8"):
        OpenVinoEngine(small_backbone()).predict(random_crops(1, SIZE + 1))
    bundle = small_backbone()
    bundle.tensors["conv3_2/kernel"] = bundle.tensors["conv3_2/kernel"][..., :5]
    with pytest.raises(BundleIncompatible, match="conv3_2/kernel"):
        OpenVinoEngine(bundle)
    del bundle.tensors["conv3_2/kernel"]
    with pytest.raises(BundleIncompatible, match="missing"):
        OpenVinoEngine(bundle)


def test_the_mean_is_keras_vggfaces() -> None:
    black = preprocess(np.zeros((1, 1, 1, 3), np.uint8))[0, 0, 0]
    assert -black[::-1] == pytest.approx(MEAN_RGB)


def test_in_int8_it_says_nearly_the_same() -> None:
    bundle = load_bundle(STARTER)
    engine, exact = (OpenVinoEngine(bundle, precision=one) for one in ("int8", "float32"))
    crops = random_crops(8, engine.input_size)
    found, expected = engine.plain_outputs(crops), exact.plain_outputs(crops)
    for name, outputs in expected.items():
        moved = np.abs(found[name] - outputs)
        assert 0 < moved.max() < 0.15 * np.abs(outputs).max(), name
    operators = {one.get_type_name() for one in engine._network.get_runtime_model().get_ops()}
    assert "FakeQuantize" not in operators  # all became integer kernels


def test_int8_is_measured_on_patterns_that_never_change() -> None:
    assert (patterns(SIZE) == patterns(SIZE)).all()
    assert patterns(SIZE).std(axis=(1, 2, 3)).min() > 5


def test_tensorflow_computes_in_what_suits_the_machine_instead_of_int8() -> None:
    assert choose_precision("int8") == choose_precision("auto")
