"""The heads on top of the backbone: declared in a bundle's manifest, never code in a bundle."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vision.attributes import ATTRIBUTES, GENDER, OLDEST_AGE, RACE, Kind
from vision.errors import BundleIncompatible
from vision.types import AgeEstimate, ClassEstimate

from .ages import AgeBand, Ages, Point, mean_age, point_estimate, scalar_age, stretch_of

Pooling = Literal["flatten", "max_mean"]
Output = Literal["distribution", "scalar", "binary", "classes"]

_OUTPUTS: dict[Kind, tuple[Output, ...]] = {
    "age": ("distribution", "scalar"),
    "binary": ("binary", "classes"),
    "classes": ("classes",),
}
_ONLY_WHERE_SET = {"point", "bands", "biases", "label_weights"}
# Where a manifest has another name for a field.
_KEYS = {"tta_threshold": "second_look"}
_ACTIVATIONS = {"linear", "relu", "sigmoid", "softmax"}


@dataclass(frozen=True)
class HeadSpec:
    """One head; its `name` is that of the attribute it estimates.

    `pooling`: "flatten" (`pool5` as it is) or "max_mean" (maximum and mean over the positions,
    1,024 wide). `layers`: dicts, either {"dense": units, "activation": …, "name": …} or
    {"dropout": rate}. `output`: "distribution" (softmax over the ages 0, 1, 2, …), "scalar"
    (years), "binary" (probability of `labels[1]`) or "classes" (softmax over `labels`).
    `temperature` divides the logits; `biases`, one a label or age, are then added, to undo the
    `label_weights` that training gave an example of each. `coverage` is the share of true ages the
    interval claims to hold; it lies between the `quantiles` of a distribution, or `residuals` years
    (low, high) around a scalar. With `bands`, of rising estimated ages from 0 on, interval and
    distribution are stretched about the estimate, the `point` of a distribution, by its band's
    factor; without, the estimate is the mean. A head of labels whose largest probability is
    under `tta_threshold` looks at the mirrored face as well (test-time augmentation); see
    `needs_mirror`.
    """

    name: str
    pooling: Pooling
    layers: tuple[Mapping[str, Any], ...]
    output: Output
    labels: tuple[str, ...] = ()
    temperature: float = 1.0
    coverage: float = 0.8
    quantiles: tuple[float, float] = (0.1, 0.9)
    residuals: tuple[float, float] | None = None
    tta_threshold: float = 0.0
    point: Point = "mean"
    bands: tuple[AgeBand, ...] = ()
    biases: tuple[float, ...] = ()
    label_weights: tuple[float, ...] = ()

    @property
    def classes(self) -> int:
        """How many labels, or ages of a distribution, it tells apart; 0 of a scalar."""
        if self.output == "distribution":
            return int(self.layers[-1].get("dense", 0))
        return len(self.labels)

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads: plain lists, so that it is the same before and after storing.

        Recipes, whose heads nothing has been measured of, are written as they always were.
        """
        spec = asdict(self)
        spec.pop("name")
        return {
            _KEYS.get(key, key): list(value) if isinstance(value, tuple) else value
            for key, value in spec.items()
            if key not in _ONLY_WHERE_SET or value != getattr(HeadSpec, key)
        }

    @classmethod
    def from_json(cls, name: str, spec: Mapping[str, Any]) -> "HeadSpec":
        """Raises BundleIncompatible where this version of FaceRoute cannot build such a head."""
        try:
            head = cls(
                name=name,
                pooling=spec["pooling"],
                layers=tuple(spec["layers"]),
                output=spec["output"],
                labels=tuple(spec.get("labels", ())),
                temperature=float(spec.get("temperature", 1.0)),
                coverage=float(spec.get("coverage", 0.8)),
                quantiles=_pair(spec.get("quantiles", (0.1, 0.9))),
                residuals=_pair(spec["residuals"]) if spec.get("residuals") else None,
                tta_threshold=float(spec.get("second_look", 0.0)),
                point=spec.get("point", "mean"),
                bands=tuple(AgeBand(**band) for band in spec.get("bands", ())),
                biases=tuple(map(float, spec.get("biases", ()))),
                label_weights=tuple(map(float, spec.get("label_weights", ()))),
            )
            head._check()
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise BundleIncompatible("head", head=name, why=str(error)) from error
        return head

    def _check(self) -> None:
        attribute = ATTRIBUTES.get(self.name)
        if attribute is None or self.output not in _OUTPUTS[attribute.kind]:
            raise ValueError(f"no output “{self.output}” for a head “{self.name}”")
        if self.pooling not in {"flatten", "max_mean"}:
            raise ValueError(f"no pooling “{self.pooling}”")
        for layer in self.layers:
            if "dropout" not in layer and layer.get("activation", "linear") not in _ACTIVATIONS:
                raise ValueError(f"no activation “{layer['activation']}”")
        if not (0 < self.coverage < 1 and self.temperature > 0):
            raise ValueError("coverage or temperature out of range")
        if not 0 <= self.tta_threshold <= (1 if self.labels else 0):
            raise ValueError("no such threshold of test-time augmentation")
        counts = {len(self.biases), len(self.label_weights)}
        if not counts <= {0, self.classes} or min(self.label_weights, default=1) <= 0:
            raise ValueError("biases or weights that do not fit the labels")
        self._check_ages()
        if "dense" not in (last := self.layers[-1]) or not self._fits(int(last["dense"])):
            raise ValueError("the last layer does not fit the labels")

    def _check_ages(self) -> None:
        if self.point not in get_args(Point):
            raise ValueError(f"no point estimate “{self.point}”")
        if not self.bands:
            if self.point != "mean":
                raise ValueError("a median without bands")
            return
        starts = [band.start for band in self.bands]
        narrowest = min(band.stretch for band in self.bands)
        if starts[0] != 0 or starts != sorted(set(starts)) or narrowest < 0:
            raise ValueError("bands must rise from 0 and be stretched by no less than 0")
        if self.output == "scalar" and self.residuals is None:
            raise ValueError("bands without residuals")

    def _fits(self, units: int) -> bool:
        known = set(ATTRIBUTES[self.name].labels)
        if not set(self.labels) <= known or len(set(self.labels)) != len(self.labels):
            return False
        expected = {"scalar": units == 1, "distribution": units > 1}
        expected |= {"binary": units == 1 and len(self.labels) == 2}
        expected |= {"classes": units == len(self.labels)}
        return expected[self.output]


def _pair(values: Sequence[float]) -> tuple[float, float]:
    low, high = (float(value) for value in values)
    return low, high


def classic_heads() -> tuple[HeadSpec, ...]:
    """The three heads of the student deck, for a backbone at any input size (theirs was 224 px)."""

    def dense(units: int, activation: str, name: str) -> dict[str, Any]:
        return {"dense": units, "activation": activation, "name": name}

    def classifier(units: int, activation: str) -> tuple[dict[str, Any], ...]:
        return (
            dense(512, "relu", "Dense-1"),
            {"dropout": 0.5},
            dense(256, "relu", "Dense-2"),
            dense(units, activation, "Output"),
        )

    age = (
        {"dropout": 0.7},
        dense(16, "relu", "Dense-1"),
        dense(8, "relu", "Dense-2"),
        dense(1, "linear", "Output"),
    )
    return (
        HeadSpec("age", "flatten", age, "scalar"),
        HeadSpec("gender", "flatten", classifier(1, "sigmoid"), "binary", GENDER.labels),
        HeadSpec("race", "flatten", classifier(3, "softmax"), "classes", RACE.labels[:3]),
    )


def build_head(pool5: Any, spec: HeadSpec) -> Any:
    """A Keras model `pool5` → output float32; its layers are called `Dense-1`, … `Output`.

    Heads compute in float32: they cost next to nothing beside the backbone, and probabilities keep
    their precision.
    """
    import keras

    source = keras.Input(shape=pool5.shape[1:], dtype="float32", name=f"{spec.name}_pool5")
    if spec.pooling == "flatten":
        x = keras.layers.Flatten(dtype="float32")(source)
    else:
        maximum = keras.layers.GlobalMaxPooling2D(dtype="float32")(source)
        mean = keras.layers.GlobalAveragePooling2D(dtype="float32")(source)
        x = keras.layers.Concatenate(dtype="float32")([maximum, mean])
    for layer in spec.layers:
        x = _layer(layer)(x)
    return keras.Model(source, x, name=spec.name)


def head_tensors(head: Any, spec: HeadSpec) -> dict[str, NDArray[np.float32]]:
    """The weights of a head of `build_head`, by the names a bundle stores them under."""
    return {
        f"{spec.name}/{layer['name']}/{part}": values
        for layer in spec.layers
        if "dense" in layer
        for part, values in zip(
            ("kernel", "bias"), head.get_layer(layer["name"]).get_weights(), strict=True
        )
    }


def _layer(layer: Mapping[str, Any]) -> Any:
    import keras

    if "dropout" in layer:
        return keras.layers.Dropout(layer["dropout"], dtype="float32")
    return keras.layers.Dense(
        layer["dense"], activation=layer["activation"], name=layer["name"], dtype="float32"
    )


def parse_heads(
    manifest: Mapping[str, Any], wanted: Collection[str] = ATTRIBUTES
) -> list[HeadSpec]:
    """The manifest's heads that are wanted. Raises BundleIncompatible."""
    heads = manifest.get("heads")
    if not isinstance(heads, Mapping) or not heads:
        raise BundleIncompatible("no_heads")
    specs = [HeadSpec.from_json(name, spec) for name, spec in heads.items()]
    return [spec for spec in specs if spec.name in wanted]


def read_estimates(
    spec: HeadSpec, outputs: NDArray[np.float32], widening: NDArray[np.float64] | None = None
) -> list[AgeEstimate] | list[ClassEstimate]:
    """A head's raw outputs (N, units) as one estimate a face.

    `widening` (N,) are factors by which ages are stretched beyond their band's, where the head has
    bands.
    """
    if not spec.labels:
        return _read_ages(spec, outputs, widening)
    return [
        ClassEstimate(dict(zip(spec.labels, map(float, row), strict=True)))
        for row in probabilities_of(spec, outputs)
    ]


def expected_years(spec: HeadSpec, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Raw outputs of an age head as the years (N,) that `read_estimates` gives."""
    if spec.output == "scalar":
        return outputs[:, 0].astype(np.float64).clip(0, OLDEST_AGE)
    return point_estimate(probabilities_of(spec, outputs), spec.point)


def unstretched_ages(spec: HeadSpec, outputs: NDArray[np.float32]) -> Ages:
    """Raw outputs of an age head that has quantiles or residuals, before its bands count."""
    if spec.output == "distribution":
        return Ages.of_distribution(probabilities_of(spec, outputs), spec.point, spec.quantiles)
    years = expected_years(spec, outputs)
    low, high = spec.residuals or (0.0, 0.0)
    return Ages(years, years + low, years + high)


def probabilities_of(spec: HeadSpec, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Raw outputs of any head but a scalar as probabilities (N, labels or ages) that sum to 1."""
    if spec.output == "binary":
        outputs = np.concatenate([1 - outputs, outputs], axis=1)
    return sharpen(outputs, spec.temperature, spec.biases)


def needs_mirror(spec: HeadSpec, outputs: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which faces (N,) a head looks at once more, mirrored, by its raw outputs (N, units) of the
    first look. What counts for these is the mean of both; the temperature comes after it."""
    confidence = outputs if spec.output == "classes" else np.maximum(outputs, 1 - outputs)
    found: NDArray[np.bool_] = confidence.max(axis=1) < spec.tta_threshold
    return found


def sharpen(
    probabilities: NDArray[Any], temperature: float, biases: Sequence[float] = ()
) -> NDArray[np.float64]:
    """Probabilities (N, classes) as if their logits had been divided by `temperature`, and
    `biases` (classes,) added.

    softmax(z / T + b) is p^(1/T) e^b, normalised, for p = softmax(z) (Guo et al. 2017, section
    4.2; the biases: Alexandari et al., "Maximum likelihood with bias-corrected calibration is
    hard-to-beat at label shift adaptation", ICML 2020).
    """
    powered = np.clip(probabilities.astype(np.float64), 1e-12, 1.0) ** (1.0 / temperature)
    if biases:
        powered *= np.exp(biases)
    normalised: NDArray[np.float64] = powered / powered.sum(axis=1, keepdims=True)
    return normalised


def _read_ages(
    spec: HeadSpec, outputs: NDArray[np.float32], widening: NDArray[np.float64] | None
) -> list[AgeEstimate]:
    if spec.bands:
        ages = unstretched_ages(spec, outputs)
        factors = stretch_of(spec.bands, ages.years)
        ages = ages.stretched(factors if widening is None else factors * widening)
        return ages.estimates(spec.coverage)
    if spec.output == "distribution":
        probabilities = probabilities_of(spec, outputs)
        return [mean_age(row, spec.quantiles, spec.coverage) for row in probabilities]
    return [scalar_age(float(row[0]), spec.residuals, spec.coverage) for row in outputs]
