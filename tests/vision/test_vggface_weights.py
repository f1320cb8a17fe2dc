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

import keras
import numpy as np
import pytest

from tests.vision.vggface_file import FILE, Weights, draw_weights, write_weights
from vision.backbone.keras_vggface import utils
from vision.backbone.vgg16 import backbone_tensors, build_backbone


@pytest.fixture(scope="module")
def weights() -> Weights:
    return draw_weights()


@pytest.fixture(scope="module")
def file(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("vggface"), weights)


@pytest.fixture
def server(file: Path) -> Iterator[str]:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=file.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/{FILE}"
        running.shutdown()


def assert_same(backbone: keras.Model, weights: Weights) -> None:
    found = backbone_tensors(backbone)
    assert found.keys() == weights.keys()
    for name, values in weights.items():
        assert np.array_equal(found[name], values), name


def test_keras_vggface_downloads_and_loads_its_weights(
    server: str, weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(utils, "VGG16_WEIGHTS_PATH_NO_TOP", server)
    monkeypatch.setattr(utils, "VGGFACE_DIR", str(tmp_path / "cache"))
    assert_same(build_backbone(48, "vggface"), weights)
    assert [path.name for path in tmp_path.rglob("*.h5")] == [FILE]


def test_a_local_file_serves_as_well(file: Path, weights: Weights) -> None:
    assert_same(build_backbone(48, file), weights)


def test_a_bundles_tensors_serve_as_well(weights: Weights) -> None:
    assert_same(build_backbone(48, weights), weights)


def test_the_stand_ins_are_gone_after_the_import() -> None:
    script = (
        "import sys, vision.backbone.keras_vggface\n"
        "left = [n for n in ('keras.engine', 'keras.engine.topology', 'keras.utils.data_utils',"
        " 'keras.utils.layer_utils') if n in sys.modules]\n"
        "sys.exit(repr(left) if left else 0)\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, check=False)
    assert done.returncode == 0
