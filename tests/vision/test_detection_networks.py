"""OpenVINO computes what the networks' own code does, and nothing else is loaded for it."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from vision.detection import networks


@pytest.fixture
def reference() -> Callable[[str], Any]:
    """A network of the `mtcnn` package in TensorFlow, with its weights."""

    def load(name: str) -> Any:
        from mtcnn.network.onet import ONet
        from mtcnn.network.pnet import PNet
        from mtcnn.network.rnet import RNet
        from mtcnn.utils.tensorflow import load_weights

        network = {"pnet": PNet, "rnet": RNet, "onet": ONet}[name]()
        network.build()
        network.set_weights(load_weights(f"{name}.lz4"))
        return network

    return load


@pytest.mark.parametrize(
    ("name", "load", "shape"),
    [
        ("pnet", networks.load_pnet, (1, 61, 84, 3)),
        ("rnet", networks.load_rnet, (9, 24, 24, 3)),
        ("onet", partial(networks.load_onet, exact=True), (9, 48, 48, 3)),
    ],
)
def test_a_network_gives_what_it_gives_in_tensorflow(
    reference: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    load: Callable[[], networks.Network],
    shape: tuple[int, ...],
) -> None:
    monkeypatch.setitem(networks._SETTINGS, "INFERENCE_PRECISION_HINT", "f32")
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    expected = reference(name)((pixels.astype(np.float32) - 127.5) / 128)
    for found, wanted in zip(load()(pixels), expected, strict=True):
        assert np.abs(found - np.asarray(wanted)).max() < 1e-5


def test_the_detector_loads_no_tensorflow() -> None:
    script = (
        "import sys, numpy as np\n"
        "from vision.detection import load_detector\n"
        "load_detector().detect([np.zeros((99, 99, 3), np.uint8)])\n"
        "loaded = {'tensorflow', 'keras', 'mtcnn'} & set(sys.modules)\n"
        "sys.exit(f'loaded {loaded}' if loaded else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
