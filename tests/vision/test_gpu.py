"""A GPU is shared, and one that is full is no end.

No GPU is needed: that its memory is exhausted is raised where TensorFlow raises it, and that its
memory grows is asked of the environment that TensorFlow reads.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from vision.bundles.bundle import load_bundle
from vision.inference.engine import Engine

from .conftest import STARTER

_GROWTH = "TF_FORCE_GPU_ALLOW_GROWTH"
_LOADS = f"""
import os, sys
import vision.inference.engine, vision.caches.features, vision.training.recipe
print(os.environ["{_GROWTH}"], "tensorflow" in sys.modules)
"""


class Full:
    """A network on a device that has memory for so many faces at once."""

    def __init__(self, engine: Engine, most: int) -> None:
        self._forward, self._most = engine._forward, most
        self.tried: list[int] = []

    def __call__(self, crops: Any) -> Any:
        self.tried.append(len(crops))
        if len(crops) > self._most:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        return self._forward(crops)


@pytest.fixture
def engine() -> Engine:
    return Engine(load_bundle(STARTER), precision="float32")


def crops_of(engine: Engine, count: int) -> Any:
    side = engine.input_size
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)


def test_a_batch_is_halved_until_the_device_has_room(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    crops = crops_of(engine, 11)
    expected = engine.plain_outputs(crops)
    full = engine._forward = Full(engine, most=4)
    outputs = engine.plain_outputs(crops)
    for name, values in expected.items():
        np.testing.assert_allclose(outputs[name], values, atol=1e-5)
    assert engine.batch_sizes == (1, 2, 4), "it does not try in vain again"
    assert full.tried == [16, 8, 4, 4, 4]
    assert "takes 4 at most from now on" in caplog.text


def test_a_device_without_room_for_one_face_is_an_error(engine: Engine) -> None:
    engine._forward = Full(engine, most=0)
    with pytest.raises(tf.errors.ResourceExhaustedError):
        engine.plain_outputs(crops_of(engine, 2))


@pytest.mark.parametrize("own", [None, "false"])
def test_memory_grows_unless_the_operator_wants_otherwise(own: str | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != _GROWTH}
    done = subprocess.run(
        [sys.executable, "-c", _LOADS],
        cwd=Path(__file__).parents[2],
        env=environment | ({_GROWTH: own} if own else {}),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert done.stdout.split() == [own or "true", "False"]
