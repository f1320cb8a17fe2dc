"""The network in memory: the shipped model gives its reference outputs, any bundle is served."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vision.attributes import ATTRIBUTES
from vision.backbone.precision import choose_precision
from vision.backbone.vgg16 import CONVOLUTIONS, backbone_tensors, build_backbone, preprocess
from vision.bundles.bundle import Bundle, load_bundle, save_bundle
from vision.errors import BundleIncompatible
from vision.heads.specs import build_head, classic_heads, expected_years
from vision.inference.engine import Engine

ROOT = Path(__file__).parents[2]
STARTER = ROOT / "weights" / "starter"
REFERENCE = np.load(Path(__file__).parent / "data" / "starter_reference.npz")


@pytest.fixture(scope="module")
def plain() -> Engine:
    """The starter with crops as they are, which the reference was made with."""
    return Engine(unread(load_bundle(STARTER)), precision="float32")


def unread(bundle: Bundle) -> Bundle:
    manifest = {key: value for key, value in bundle.manifest.items() if key != "reading"}
    return Bundle(manifest, bundle.tensors)


def assert_reference(engine: Engine, tolerance: float) -> None:
    outputs = engine.outputs(REFERENCE["images"])
    assert np.abs(outputs["age"] - REFERENCE["age_distribution"]).max() < tolerance
    assert np.abs(outputs["gender"][:, 0] - REFERENCE["female_probability"]).max() < tolerance
    assert np.abs(outputs["race"] - REFERENCE["race_probabilities"]).max() < tolerance


def test_the_starter_gives_its_reference_outputs(plain: Engine) -> None:
    assert_reference(plain, 1e-5)
    (spec,) = [spec for spec in plain.specs if spec.name == "age"]
    expected = expected_years(spec, REFERENCE["age_distribution"])
    ages = [face.age.years for face in plain.predict(REFERENCE["images"]) if face.age]
    assert ages == pytest.approx(expected, abs=1e-3)


def test_bfloat16_stays_close_to_the_reference() -> None:
    engine = Engine(unread(load_bundle(STARTER)), precision="bfloat16")
    assert_reference(engine, 0.01)
    assert {values.dtype for values in engine.outputs(REFERENCE["images"]).values()} == {
        np.dtype(np.float32)
    }


def test_the_starter_is_small_and_says_what_it_is() -> None:
    size = sum(path.stat().st_size for path in STARTER.iterdir())
    assert size <= 35 * 2**20
    manifest = load_bundle(STARTER).manifest
    assert manifest["input_size"] == 96
    assert set(manifest["heads"]) == set(ATTRIBUTES)
    assert "Non-commercial" in manifest["licence"]
    assert (STARTER / "MODEL_CARD.md").exists()


@pytest.mark.parametrize("count", [0, 1, 3, 16, 17, 40])
def test_a_face_gets_the_same_estimate_in_any_batch(plain: Engine, count: int) -> None:
    crops = np.concatenate([REFERENCE["images"]] * 10)[:count]
    outputs = plain.outputs(crops)
    assert outputs["age"].shape == (count, 101)
    for index in range(count):
        expected = REFERENCE["age_distribution"][index % 4]
        assert np.abs(outputs["age"][index] - expected).max() < 1e-5


@pytest.mark.parametrize(
    "crops",
    [
        np.zeros((1, 95, 96, 3), np.uint8),
        np.zeros((96, 96, 3), np.uint8),
        np.zeros((1, 96, 96, 3), np.float32),
    ],
)
def test_crops_of_another_kind_are_refused(engine: Engine, crops: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match="uint8"):
        engine.predict(crops)


def test_a_head_that_is_switched_off_is_not_computed() -> None:
    engine = Engine.load(STARTER, heads=("age", "gender"), precision="float32")
    assert set(engine.outputs(REFERENCE["images"])) == {"age", "gender"}
    assert all(
        "race" not in face.classes and face.age for face in engine.predict(REFERENCE["images"])
    )


def test_a_model_without_any_wanted_head_is_incompatible() -> None:
    with pytest.raises(BundleIncompatible, match="none of the heads"):
        Engine(load_bundle(STARTER), heads=())


def test_tensors_that_do_not_fit_are_incompatible() -> None:
    bundle = load_bundle(STARTER)
    bundle.tensors["conv3_2/kernel"] = bundle.tensors["conv3_2/kernel"][..., :5]
    with pytest.raises(BundleIncompatible, match="conv3_2/kernel"):
        Engine(bundle)
    del bundle.tensors["conv3_2/kernel"]
    with pytest.raises(BundleIncompatible, match="missing"):
        Engine(bundle)


def test_a_224_pixel_vggface_bundle_with_the_decks_heads_loads_through_the_same_door(
    tmp_path: Path,
) -> None:
    backbone = build_backbone(224)
    tensors: dict[str, Any] = dict(backbone_tensors(backbone))
    models = {}
    for spec in classic_heads():
        models[spec.name] = build_head(backbone.output, spec)
        for layer in spec.layers:
            if "dense" in layer:
                values = models[spec.name].get_layer(layer["name"]).get_weights()
                for part, tensor in zip(("kernel", "bias"), values, strict=True):
                    tensors[f"{spec.name}/{layer['name']}/{part}"] = tensor
    manifest = {
        "name": "deck",
        "architecture": "vgg16",
        "input_size": 224,
        "heads": {spec.name: spec.as_json() for spec in classic_heads()},
    }
    save_bundle(tmp_path / "deck", manifest, tensors)

    engine = Engine.load(tmp_path / "deck", precision="float32")
    crops = np.random.default_rng(0).integers(0, 255, (2, 224, 224, 3), dtype=np.uint8)
    outputs = engine.outputs(crops)

    pool5 = backbone.predict(preprocess(crops), verbose=0)
    for name, model in models.items():
        assert outputs[name] == pytest.approx(model.predict(pool5, verbose=0), abs=1e-3)
    faces = engine.predict(crops)
    assert faces[0].age is not None
    assert faces[0].age.low is None
    assert len(faces[0].classes["race"].probabilities) == 3


def test_preprocessing_is_keras_vggfaces(engine: Engine) -> None:
    crop = np.full((1, 2, 2, 3), (10, 20, 30), np.uint8)
    expected = (30 - 93.5940, 20 - 104.7624, 10 - 129.1863)
    assert preprocess(crop)[0, 0, 0] == pytest.approx(expected)


def test_the_backbone_has_thirteen_convolutions() -> None:
    assert len(CONVOLUTIONS) == 13
    assert CONVOLUTIONS[0] == "conv1_1"
    assert CONVOLUTIONS[-1] == "conv5_3"


def test_precision_can_be_chosen_and_mistakes_are_named() -> None:
    assert choose_precision("float32") == "float32"
    assert choose_precision("auto") in {"float32", "bfloat16", "float16"}
    with pytest.raises(ValueError, match="float64"):
        choose_precision("float64")
