"""A head that is unsure of a face looks at it once more, mirrored."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.vision.training_set import make_curated, small_backbone
from vision.bundles.bundle import Bundle
from vision.data.crop_files import read_crop
from vision.heads.specs import HeadSpec, needs_mirror
from vision.inference.engine import Engine

Outputs = dict[str, NDArray[np.float32]]


@pytest.fixture(scope="module")
def backbone() -> Bundle:
    return small_backbone()


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory, backbone: Bundle) -> NDArray[np.uint8]:
    curated = make_curated(tmp_path_factory.mktemp("images"), train=1, validation=24)
    size = backbone.manifest["input_size"]
    return np.stack([read_crop(one.path.read_bytes(), size) for one in curated.validation])


def outputs(backbone: Bundle, crops: NDArray[np.uint8], **tta_threshold: float) -> Outputs:
    heads = {
        name: {**spec, "second_look": tta_threshold.get(name, 0.0)}
        for name, spec in backbone.manifest["heads"].items()
    }
    bundle = Bundle({**backbone.manifest, "heads": heads}, backbone.tensors)
    return Engine(bundle, precision="float32").outputs(crops)


def test_a_face_that_is_unsure_gets_the_mean_of_both_looks(
    backbone: Bundle, crops: NDArray[np.uint8]
) -> None:
    first, mirrored = outputs(backbone, crops), outputs(backbone, crops[:, :, ::-1])
    share = float(np.median(np.maximum(first["gender"], 1 - first["gender"])))
    found = outputs(backbone, crops, gender=share)
    looked = np.maximum(first["gender"], 1 - first["gender"])[:, 0] < share
    assert 0 < looked.sum() < len(crops)
    both = (first["gender"] + mirrored["gender"]) / 2
    assert found["gender"][looked] == pytest.approx(both[looked], abs=1e-5)
    assert found["gender"][~looked] == pytest.approx(first["gender"][~looked], abs=1e-5)
    for other in ("age", "race"):
        assert found[other] == pytest.approx(first[other], abs=1e-5)


def test_each_head_looks_at_the_faces_that_it_is_unsure_of(
    backbone: Bundle, crops: NDArray[np.uint8]
) -> None:
    first, mirrored = outputs(backbone, crops), outputs(backbone, crops[:, :, ::-1])
    share = float(np.median(first["race"].max(axis=1)))
    found = outputs(backbone, crops, gender=1.0, race=share)
    looked = first["race"].max(axis=1) < share
    assert 0 < looked.sum() < len(crops)
    assert found["gender"] == pytest.approx((first["gender"] + mirrored["gender"]) / 2, abs=1e-5)
    expected = np.where(looked[:, None], (first["race"] + mirrored["race"]) / 2, first["race"])
    assert found["race"] == pytest.approx(expected, abs=1e-5)


def test_no_crops_are_no_second_look(backbone: Bundle, crops: NDArray[np.uint8]) -> None:
    assert outputs(backbone, crops[:0], gender=1.0)["gender"].shape == (0, 1)


def test_a_head_is_sure_of_either_label_alike() -> None:
    spec = HeadSpec.from_json(
        "gender", {**small_backbone().manifest["heads"]["gender"], "second_look": 0.8}
    )
    shares = np.array([[0.1], [0.21], [0.5], [0.79], [0.81]], np.float32)
    assert needs_mirror(spec, shares).tolist() == [False, True, True, True, False]
