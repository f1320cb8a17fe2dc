"""The gradient is taken at the worst point near the weights, and the weights come back from it."""

from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from vision.sharpness import SharpnessAware

RADIUS, RATE = 0.5, 0.1
WEIGHTS = np.array([[1.0], [-2.0], [0.0]], np.float32)


def sharpness_aware(rate: float) -> tuple[Any, SharpnessAware]:
    """One linear layer without a bias, and what trains it."""
    inputs = keras.Input((3,))
    network = keras.Model(inputs, {"line": keras.layers.Dense(1, use_bias=False)(inputs)})
    network.set_weights([WEIGHTS])
    losses = {"line": "mean_squared_error"}
    network.compile(keras.optimizers.SGD(rate), losses)
    return network, SharpnessAware(network, RADIUS, losses, {"line": 1.0})


@pytest.fixture
def batch() -> tuple[NDArray[Any], dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 3)).astype(np.float32), rng.normal(size=(6, 1)).astype(np.float32)
    return x, {"line": y}, {"line": np.ones(6, np.float32)}


def gradient(w: NDArray[Any], x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    slope: NDArray[Any] = 2 * x.T @ (x @ w - y) / len(x)
    return slope


def test_a_step_is_that_of_the_worst_point_near_the_weights(batch: Any) -> None:
    network, trained = sharpness_aware(RATE)
    x, truth, weights = batch
    trained.train_on_batch(x, truth, weights, return_dict=True)
    size = np.abs(WEIGHTS) + 0.01
    up = gradient(WEIGHTS, x[:2], truth["line"][:2])  # a third of the batch shows the way
    move = RADIUS * size**2 * up / np.linalg.norm(size * up)
    assert np.linalg.norm(move / size) == pytest.approx(RADIUS)
    expected = WEIGHTS - RATE * gradient(WEIGHTS + move, x, truth["line"])
    np.testing.assert_allclose(network.get_weights()[0], expected, atol=1e-5)


def test_what_is_told_is_the_loss_up_there(batch: Any) -> None:
    network, trained = sharpness_aware(RATE)
    below = network.test_on_batch(*batch, return_dict=True)["loss"]
    assert trained.train_on_batch(*batch, return_dict=True)["loss"] > below


def test_the_weights_come_back_from_every_climb(batch: Any) -> None:
    network, trained = sharpness_aware(0.0)
    for _ in range(3):
        trained.train_on_batch(*batch, return_dict=True)
    np.testing.assert_allclose(network.get_weights()[0], WEIGHTS, atol=1e-6)
