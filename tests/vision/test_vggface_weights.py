"""VGGFace's own weights come in by keras-vggface's own loader, to the byte.

The real file is 58 MB on a server abroad; a stand-in of the same layout is served from here.
"""

import functools
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from vision.backbone import CONVOLUTIONS, build_trunk, trunk_tensors
from vision.keras_vggface_compat import utils

Weights = dict[str, NDArray[np.float32]]
_FILE = "rcmalli_vggface_tf_notop_vgg16.h5"


@pytest.fixture(scope="module")
def weights() -> Weights:
    drawn = np.random.default_rng(7)
    return {
        name: drawn.normal(size=values.shape).astype(np.float32)
        for name, values in trunk_tensors(build_trunk(48)).items()
    }


@pytest.fixture(scope="module")
def file(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Laid out as Keras 2 wrote it: a group a layer, pooling layers included, names in bytes."""
    path: Path = tmp_path_factory.mktemp("vggface") / _FILE
    pools = [f"pool{block}" for block in range(1, 6)]
    with h5py.File(path, "w") as h5:
        h5.attrs["layer_names"] = [name.encode() for name in ["input_1", *CONVOLUTIONS, *pools]]
        h5.attrs["backend"] = b"tensorflow"
        h5.attrs["keras_version"] = b"2.0.6"
        for name in ["input_1", *pools]:
            h5.create_group(name).attrs["weight_names"] = []
        for name in CONVOLUTIONS:
            group = h5.create_group(name)
            parts = [f"{name}/kernel:0", f"{name}/bias:0"]
            group.attrs["weight_names"] = [part.encode() for part in parts]
            group.create_dataset(parts[0], data=weights[f"{name}/kernel"])
            group.create_dataset(parts[1], data=weights[f"{name}/bias"])
    return path


@pytest.fixture
def server(file: Path) -> Iterator[str]:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=file.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/{_FILE}"
        running.shutdown()


def assert_same(trunk: keras.Model, weights: Weights) -> None:
    found = trunk_tensors(trunk)
    assert found.keys() == weights.keys()
    for name, values in weights.items():
        assert np.array_equal(found[name], values), name


def test_keras_vggface_downloads_and_loads_its_weights(
    server: str, weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(utils, "VGG16_WEIGHTS_PATH_NO_TOP", server)
    monkeypatch.setattr(utils, "VGGFACE_DIR", str(tmp_path / "cache"))
    assert_same(build_trunk(48, "vggface"), weights)
    assert [path.name for path in tmp_path.rglob("*.h5")] == [_FILE]


def test_a_local_file_serves_as_well(file: Path, weights: Weights) -> None:
    assert_same(build_trunk(48, file), weights)


def test_a_bundles_tensors_serve_as_well(weights: Weights) -> None:
    assert_same(build_trunk(48, weights), weights)


def test_the_stand_ins_are_gone_after_the_import() -> None:
    script = (
        "import sys, vision.keras_vggface_compat\n"
        "left = [n for n in ('keras.engine', 'keras.engine.topology', 'keras.utils.data_utils',"
        " 'keras.utils.layer_utils') if n in sys.modules]\n"
        "sys.exit(repr(left) if left else 0)\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, check=False)
    assert done.returncode == 0
