"""Heads as a manifest declares them, and what their outputs mean."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vision.attributes import AGE_BINS, GENDER, RACE
from vision.backbone.vgg16 import build_backbone
from vision.errors import BundleIncompatible
from vision.heads.ages import AgeBand
from vision.heads.specs import (
    HeadSpec,
    build_head,
    classic_heads,
    parse_heads,
    read_estimates,
    sharpen,
)
from vision.training.head_recipes import HEAD_RECIPES
from vision.types import AgeEstimate, ClassEstimate

REFERENCE = np.load(Path(__file__).parent / "data" / "starter_reference.npz")
AGE = HeadSpec("age", "max_mean", ({"dense": 101, "activation": "softmax"},), "distribution")


def dense(units: int, activation: str = "linear", name: str = "Output") -> dict[str, Any]:
    return {"dense": units, "activation": activation, "name": name}


def test_the_classic_heads_have_the_decks_parameters_at_224_pixels() -> None:
    import keras

    pool5 = keras.Input((7, 7, 512))
    heads = {spec.name: build_head(pool5, spec) for spec in classic_heads()}
    counts = {
        name: [layer.count_params() for layer in head.layers if layer.count_params()]
        for name, head in heads.items()
    }
    assert counts["age"] == [401_424, 136, 9]
    assert counts["gender"] == [25_088 * 512 + 512, 512 * 256 + 256, 257]
    assert counts["race"] == [25_088 * 512 + 512, 512 * 256 + 256, 3 * 257]
    names = [layer.name for layer in heads["gender"].layers if layer.count_params()]
    assert names == ["Dense-1", "Dense-2", "Output"]
    rates = {name: [la.rate for la in h.layers if hasattr(la, "rate")] for name, h in heads.items()}
    assert rates == {"age": [0.7], "gender": [0.5], "race": [0.5]}
    activations = [la.activation.__name__ for la in heads["race"].layers if la.count_params()]
    assert activations == ["relu", "relu", "softmax"]


def test_the_backbone_is_keras_vggfaces_own() -> None:
    backbone = build_backbone(224)
    assert backbone.name == "vggface_vgg16"
    assert backbone.output_shape == (None, 7, 7, 512)
    assert backbone.count_params() == 14_714_688


def test_a_spec_survives_its_json() -> None:
    for spec in classic_heads():
        assert HeadSpec.from_json(spec.name, spec.as_json()) == spec


@pytest.mark.parametrize(
    "change",
    [
        {"output": "tea"},
        {"pooling": "sum"},
        {"layers": []},
        {"layers": [dense(2)]},
        {"layers": [{"dense": 1, "activation": "eval", "name": "Output"}]},
        {"layers": "abc"},
        {"labels": ["male", "unicorn"]},
        {"labels": ["male"]},
        {"temperature": 0},
        {"coverage": 1.5},
        {"quantiles": [0.1]},
        {"second_look": 1.1},
        {"second_look": -0.1},
        {"biases": [0.1]},
        {"biases": 0.1},
        {"label_weights": [1.0]},
        {"label_weights": [1.0, 0.0]},
    ],
)
def test_a_head_that_cannot_be_built_is_incompatible(change: dict[str, Any]) -> None:
    spec = {**classic_heads()[1].as_json(), **change}
    with pytest.raises(BundleIncompatible, match="gender"):
        HeadSpec.from_json("gender", spec)


@pytest.mark.parametrize(
    "change",
    [
        {"point": "mode"},
        {"point": "median"},  # without bands
        {"bands": [{"start": 10, "stretch": 1.0}]},
        {"bands": [{"start": 0, "stretch": 1.0}, {"start": 0, "stretch": 1.0}]},
        {"bands": [{"start": 0, "stretch": -1.0}]},
        {"bands": [{"start": 0}]},
        {"bands": [[0, 1.0]]},
        {"output": "scalar", "layers": [dense(1)], "bands": [{"start": 0, "stretch": 1.0}]},
    ],
)
def test_an_age_that_cannot_be_read_is_incompatible(change: dict[str, Any]) -> None:
    with pytest.raises(BundleIncompatible, match="age"):
        HeadSpec.from_json("age", {**AGE.as_json(), **change})


@pytest.mark.parametrize("heads", [None, {}, [], {"shoe_size": {}}])
def test_a_manifest_needs_heads_that_are_known(heads: Any) -> None:
    with pytest.raises(BundleIncompatible):
        parse_heads({"heads": heads})


def test_a_distribution_gives_its_expectation_quantiles_and_decades() -> None:
    layers = (dense(101, "softmax"),)
    spec = HeadSpec("age", "max_mean", layers, "distribution", quantiles=(0.12, 0.88))
    shares = np.zeros((1, 101), np.float32)
    shares[0, 20:40] = 1 / 20
    [age] = read_estimates(spec, shares)
    assert isinstance(age, AgeEstimate)
    assert age.years == pytest.approx(29.5, abs=1e-3)
    assert (age.low, age.high, age.coverage) == (22, 37, 0.8)
    assert dict(age.distribution) == pytest.approx(
        {**dict.fromkeys(AGE_BINS, 0.0), "20-29": 0.5, "30-39": 0.5}, abs=1e-4
    )


def test_the_interval_always_holds_the_estimate() -> None:
    spec = HeadSpec("age", "max_mean", (dense(101, "softmax"),), "distribution")
    shares = np.zeros((1, 101), np.float32)
    shares[0, [1, 100]] = 0.95, 0.05
    [age] = read_estimates(spec, shares)
    assert isinstance(age, AgeEstimate)
    assert age.low is not None
    assert age.high is not None
    assert age.low <= age.years <= age.high


def test_a_manifest_of_before_bands_is_read_as_it_was() -> None:
    """By the starter's manifest and reference outputs, as FaceRoute read them before."""
    spec = HeadSpec.from_json(
        "age",
        {
            "pooling": "max_mean", "layers": [dense(101, "softmax")], "output": "distribution",
            "labels": [], "temperature": 0.852, "coverage": 0.8, "quantiles": [0.131561, 0.868439],
            "residuals": None, "second_look": 0.0,
        },
    )  # fmt: skip
    found = read_estimates(spec, REFERENCE["former_age_distribution"])
    ages = [one for one in found if isinstance(one, AgeEstimate)]
    assert [one.years for one in ages] == pytest.approx(
        [32.924405890872094, 36.28039056361902, 33.99622804114006, 70.99546311667643], abs=1e-9
    )
    assert [(one.low, one.high) for one in ages] == [(24, 42), (27, 47), (23, 51), (32, 96)]
    first = [share for _, share in ages[0].distribution[1:7]]
    assert first == pytest.approx(
        [
            0.024937132629972606, 0.3713069551742177, 0.419317036650788, 0.12448535691489306,
            0.051020550257008634, 0.007958485206017631,
        ], abs=1e-9,
    )  # fmt: skip


def test_recipes_are_written_as_they_always_were() -> None:
    """Otherwise a training that was cut off under an earlier FaceRoute could not go on."""
    for name in ("classic", "full"):
        for spec in HEAD_RECIPES[name].as_json()["heads"].values():
            assert set(spec) == {
                "pooling", "layers", "output", "labels", "temperature", "coverage", "quantiles",
                "residuals", "second_look",
            }  # fmt: skip


def test_a_head_with_bands_gives_the_median_and_the_interval_of_its_band() -> None:
    bands = (AgeBand(0, 1.0), AgeBand(30, 2.0))
    spec = replace(AGE, point="median", bands=bands)
    shares = np.zeros((2, 101), np.float32)
    shares[0, 10:20], shares[1, 50:60] = 0.1, 0.1
    found = [one for one in read_estimates(spec, shares) if isinstance(one, AgeEstimate)]
    assert [one.years for one in found] == pytest.approx([14.5, 54.5])
    assert [(one.low, one.high) for one in found] == [(11, 18), (47, 62)]
    assert dict(found[1].distribution)["50-59"] == pytest.approx(0.5, abs=1e-6)


def test_a_face_can_be_given_a_wider_interval() -> None:
    shares = np.zeros((2, 101), np.float32)
    shares[:, 50:60] = 0.1
    scalar = HeadSpec("age", "flatten", (dense(1),), "scalar", residuals=(-4.0, 4.0))
    for head, outputs in ((AGE, shares), (scalar, np.full((2, 1), 54.5, np.float32))):
        spec = replace(head, bands=(AgeBand(0, 1.0),))
        found = read_estimates(spec, outputs, np.array([1.0, 3.0]))
        ages = [one for one in found if isinstance(one, AgeEstimate)]
        assert [one.years for one in ages] == pytest.approx([54.5, 54.5])
        assert [(one.low, one.high) for one in ages] == [(51, 58), (43, 66)]


def test_a_scalar_has_an_interval_only_where_one_was_measured() -> None:
    plain = HeadSpec("age", "flatten", (dense(1),), "scalar")
    measured = HeadSpec("age", "flatten", (dense(1),), "scalar", residuals=(-7.2, 8.4))
    outputs = np.array([[30.0], [-3.0]], np.float32)
    assert read_estimates(plain, outputs)[0] == AgeEstimate(30.0, None, None, None)
    assert read_estimates(measured, outputs) == [
        AgeEstimate(30.0, 23, 38, 0.8),
        AgeEstimate(0.0, 0, 8, 0.8),
    ]


def test_gender_is_the_probability_of_female() -> None:
    spec = HeadSpec("gender", "max_mean", (dense(1, "sigmoid"),), "binary", GENDER.labels)
    [estimate] = read_estimates(spec, np.array([[0.9]], np.float32))
    assert isinstance(estimate, ClassEstimate)
    assert estimate.label == "female"
    assert estimate.probabilities == pytest.approx({"male": 0.1, "female": 0.9})


def test_three_races_give_three_probabilities() -> None:
    spec = HeadSpec("race", "flatten", (dense(3, "softmax"),), "classes", RACE.labels[:3])
    [estimate] = read_estimates(spec, np.array([[0.2, 0.5, 0.3]], np.float32))
    assert isinstance(estimate, ClassEstimate)
    assert estimate.label == "black"
    assert list(estimate.probabilities) == ["white", "black", "asian"]


def test_biases_are_added_to_the_logits() -> None:
    spec = HeadSpec(
        "gender", "max_mean", (dense(1, "sigmoid"),), "binary", GENDER.labels, temperature=2.0,
        biases=(0.5, -0.5),
    )  # fmt: skip
    [estimate] = read_estimates(spec, np.array([[0.9]], np.float32))
    logit = np.log(9) / 2 - 1
    assert isinstance(estimate, ClassEstimate)
    assert estimate.probabilities["female"] == pytest.approx(1 / (1 + np.exp(-logit)))


def test_temperature_divides_the_logits() -> None:
    logits = np.array([[1.0, 2.0, 4.0]])
    softmax = np.exp(logits) / np.exp(logits).sum()
    softer = np.exp(logits / 2) / np.exp(logits / 2).sum()
    assert sharpen(softmax, 2.0) == pytest.approx(softer)
