"""VGGFace's weights become a version that heads are trained on, and that cannot serve alone."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from django.core.management import CommandError, call_command

from tests.vision.vggface_file import Weights, draw_weights, write_weights
from training.models import ModelVersion
from training.registry.stored_bundles import bundle_path
from training.registry.versions import activate_version
from vision.bundles.bundle import load_bundle
from vision.errors import BundleError

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def weights() -> Weights:
    return draw_weights()


@pytest.fixture(scope="module")
def file(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("vggface"), weights)


@pytest.fixture(autouse=True)
def model_root(settings: Any, tmp_path: Path) -> None:
    settings.MODEL_ROOT = tmp_path / "models"


def test_the_version_holds_the_weights_to_the_byte(
    file: Path, weights: Weights, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("register_vggface", weights=file)
    assert "train --recipe classic --model vggface" in capsys.readouterr().out
    version = ModelVersion.objects.get(name="vggface")
    bundle = load_bundle(bundle_path(version))
    assert bundle.manifest["input_size"] == 224
    assert "on-commercial" in bundle.manifest["licence"]
    assert bundle.tensors.keys() == weights.keys()
    for name, values in weights.items():
        assert np.array_equal(bundle.tensors[name], values)
    assert [path.name for path in settings.MODEL_ROOT.iterdir()] == ["vggface"]
    call_command("register_vggface", weights=file)
    assert "already" in capsys.readouterr().out


def test_a_backbone_without_heads_does_not_serve(file: Path) -> None:
    call_command("register_vggface", weights=file)
    with pytest.raises(BundleError, match="train heads on it first"):
        activate_version(ModelVersion.objects.get(name="vggface"))


def test_a_file_that_is_another_is_said(tmp_path: Path, file: Path) -> None:
    (tmp_path / "damaged.h5").write_bytes(b"damaged")
    with pytest.raises(CommandError, match="not a file of Keras weights"):
        call_command("register_vggface", weights=tmp_path / "damaged.h5")
    with h5py.File(tmp_path / "other.h5", "w") as h5:
        h5.attrs["layer_names"] = [b"conv1_1", b"fc6"]
    with pytest.raises(CommandError, match="lacks the layers conv1_2"):
        call_command("register_vggface", weights=tmp_path / "other.h5")
    assert not ModelVersion.objects.exists()
