"""A backbone's features are the same whatever computes them, and are kept apart all the same."""

import numpy as np
import pytest

from tests.vision.training_set import SIZE, small_backbone
from vision.backbone.vgg16 import build_backbone, preprocess
from vision.caches import extractor
from vision.caches.extractor import BATCH, Cut, Extractor
from vision.inference.openvino_engine import load_backbone


@pytest.fixture
def crops() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (BATCH - 1, SIZE, SIZE, 3), np.uint8)


@pytest.mark.parametrize("cut", ["pool4", "pool5"])
def test_openvino_says_what_tensorflow_says(cut: Cut, crops: np.ndarray) -> None:
    import keras

    bundle = small_backbone()
    network = build_backbone(SIZE, bundle.tensors)
    reference = keras.Model(network.input, network.get_layer(cut).output)
    expected = reference.predict(preprocess(crops), verbose=0)
    found = load_backbone(bundle, cut, "float32")(crops)
    assert found.shape == expected.shape
    assert abs(found - expected).max() <= 1e-4 * expected.max()


def test_features_of_a_gpu_and_of_a_cpu_are_near_and_never_mixed(
    crops: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = small_backbone()
    on_cpu = Extractor(bundle, "pool5")
    monkeypatch.setattr(extractor, "has_gpu", lambda: True)
    on_gpu = Extractor(bundle, "pool5")
    assert on_cpu.key != on_gpu.key
    found, expected = on_cpu(crops), on_gpu(crops)
    assert found.dtype == expected.dtype == np.float16
    largest = float(expected.max())
    assert abs(found.astype(float) - expected.astype(float)).max() < 0.03 * largest


def test_features_of_before_are_found_again_where_tensorflow_computes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extractor, "has_gpu", lambda: True)
    monkeypatch.setattr(extractor, "choose_precision", lambda: "bfloat16")
    assert Extractor(small_backbone(), "pool5").key == "2518dff8da1583933d43b7f8e35ca2c1"
