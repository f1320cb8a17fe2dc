"""Batch normalisation is trained with and folded away: what is saved computes the same."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.vision.training_set import small_backbone
from vision.backbone.vgg16 import CONVOLUTIONS, backbone_tensors, build_backbone, preprocess
from vision.bundles.bundle import Bundle
from vision.heads.specs import head_tensors
from vision.inference.engine import build_model
from vision.training.batchnorm import build_network, folded_backbone, start_from
from vision.training.network_recipes import NETWORK_RECIPES

SPECS = NETWORK_RECIPES["starter-cpu"].heads
TRAINED = NETWORK_RECIPES["starter-cpu"].trained_heads


@pytest.fixture(scope="module")
def crops() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (12, 48, 48, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def network(crops: NDArray[np.uint8]) -> Any:
    """A network whose normalisations have statistics, scales and shifts of their own."""
    keras.utils.set_random_seed(0)
    built = build_network(TRAINED)
    for _ in range(20):
        built(crops, training=True)
    rng = np.random.default_rng(1)
    for layer in built.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, *statistics = layer.get_weights()
            gamma, beta = rng.uniform(0.5, 1.5, gamma.shape), rng.normal(0, 0.3, beta.shape)
            layer.set_weights([gamma, beta, *statistics])
    return built


def saved(network: Any, size: int) -> Any:
    """The network as a bundle holds it, built anew on keras-vggface's graph."""
    tensors: dict[str, NDArray[Any]] = dict(folded_backbone(network))
    for spec in SPECS:
        tensors |= head_tensors(network.get_layer(spec.name), spec)
    manifest = {"input_size": size, "heads": {spec.name: spec.as_json() for spec in SPECS}}
    return build_model(Bundle(manifest, tensors), SPECS, "float32")


@pytest.mark.parametrize("size", [48, 80])
def test_the_folded_graph_computes_what_the_normalised_one_does(network: Any, size: int) -> None:
    crops = np.random.default_rng(2).integers(0, 256, (4, size, size, 3)).astype(np.uint8)
    expected = network.predict_on_batch(crops)
    found = saved(network, size).predict_on_batch(preprocess(crops))
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-4, err_msg=name)
        assert np.ptp(values, axis=0).max() > 1e-3  # they do depend on the crop


def test_what_is_folded_has_keras_vggfaces_names_and_shapes(network: Any) -> None:
    found = {name: values.shape for name, values in folded_backbone(network).items()}
    expected = {name: values.shape for name, values in backbone_tensors(build_backbone(48)).items()}
    assert found == expected


def test_kernels_begin_with_hes_spread() -> None:
    keras.utils.set_random_seed(0)
    kernel = build_network(TRAINED).get_layer("conv3_2").get_weights()[0]
    assert kernel.std() == pytest.approx((2 / (9 * 256)) ** 0.5, rel=0.02)


def test_a_network_starts_as_the_bundle_it_is_given(crops: NDArray[np.uint8]) -> None:
    bundle = small_backbone()
    network = build_network(TRAINED)
    start_from(network, bundle, [crops[:6], crops[6:]])
    specs = tuple(replace(spec, temperature=1.0) for spec in SPECS)
    expected = build_model(bundle, specs, "float32").predict_on_batch(preprocess(crops))
    for name, values in network.predict_on_batch(crops).items():
        np.testing.assert_allclose(values, expected[name], atol=1e-4, err_msg=name)


def test_its_statistics_are_those_of_the_batches(crops: NDArray[np.uint8]) -> None:
    network = build_network(TRAINED)
    start_from(network, small_backbone(), [crops])
    for name in (CONVOLUTIONS[0], CONVOLUTIONS[-1]):
        probe = keras.Model(network.input, network.get_layer(name).output)
        values = probe.predict_on_batch(crops)
        _, _, mean, variance = network.get_layer(f"{name}_norm").get_weights()
        np.testing.assert_allclose(mean, values.mean(axis=(0, 1, 2)), rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(variance, values.var(axis=(0, 1, 2)), rtol=2e-2, atol=1e-3)
