"""Heads as a manifest declares them, and what their outputs mean."""

from typing import Any

import numpy as np
import pytest

from vision.backbone import build_trunk
from vision.errors import BundleIncompatible
from vision.heads import HeadSpec, build_head, classic_heads, parse_heads, read_estimates, sharpen
from vision.labels import AGE_BINS, GENDERS, RACES
from vision.types import AgeEstimate, ClassEstimate


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


def test_the_trunk_is_keras_vggfaces_own() -> None:
    trunk = build_trunk(224)
    assert trunk.name == "vggface_vgg16"
    assert trunk.output_shape == (None, 7, 7, 512)
    assert trunk.count_params() == 14_714_688


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
    ],
)
def test_a_head_that_cannot_be_built_is_incompatible(change: dict[str, Any]) -> None:
    spec = {**classic_heads()[1].as_json(), **change}
    with pytest.raises(BundleIncompatible, match="gender"):
        HeadSpec.from_json("gender", spec)


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
    spec = HeadSpec("gender", "max_mean", (dense(1, "sigmoid"),), "binary", GENDERS)
    [estimate] = read_estimates(spec, np.array([[0.9]], np.float32))
    assert isinstance(estimate, ClassEstimate)
    assert estimate.label == "female"
    assert estimate.probabilities == pytest.approx({"male": 0.1, "female": 0.9})


def test_three_races_give_three_probabilities() -> None:
    spec = HeadSpec("race", "flatten", (dense(3, "softmax"),), "classes", RACES[:3])
    [estimate] = read_estimates(spec, np.array([[0.2, 0.5, 0.3]], np.float32))
    assert isinstance(estimate, ClassEstimate)
    assert estimate.label == "black"
    assert list(estimate.probabilities) == ["white", "black", "asian"]


def test_temperature_divides_the_logits() -> None:
    logits = np.array([[1.0, 2.0, 4.0]])
    softmax = np.exp(logits) / np.exp(logits).sum()
    softer = np.exp(logits / 2) / np.exp(logits / 2).sum()
    assert sharpen(softmax, 2.0) == pytest.approx(softer)
