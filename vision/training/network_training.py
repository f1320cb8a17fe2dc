"""Training a backbone from scratch with its heads: the one function behind every road to it.

Keras 3's own API only, so that a recipe runs on any of its backends.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from vision.backbone.precision import choose_precision, computing_in
from vision.backbone.vgg16 import backbone_fingerprint
from vision.bundles.bundle import Bundle
from vision.caches.crops import Crops, decode_crops, whole
from vision.crops.reading import Reading, measured, sample
from vision.data.utkface import Curated
from vision.errors import VisionError
from vision.heads.losses import blended, head_loss
from vision.heads.specs import HeadSpec, head_tensors
from vision.heads.targets import Targets, weighted_head

from .batches import Order, ViewBatches
from .batchnorm import build_network, folded_backbone, freeze, start_from
from .calibrating import calibrated_bundle
from .determinism import seed_everything
from .folder import claim_folder, settled_readings
from .head_training import Fitted
from .network_recipes import Augmentation, NetworkRecipe, Stage
from .optimizer import build_optimizer
from .progress import FitProgress, Metrics, validation_metrics
from .trainer import Objective, Phase, Trainer
from .views import RenderViews, draw_views

_MEASURED_BATCHES, _MEASURED_BATCH = 8, 64
_VALIDATION_BATCH = 128

# What every model made here says of itself; see docs/developer/model-bundle.md.
_ABOUT = {
    "architecture": "vgg16",
    "preprocessing": {"colour": "BGR", "mean": "vggface-1", "resize": "bilinear, antialiased"},
    "alignment": "utkface-1",
    "licence": "As its images allow; with UTKFace's, non-commercial research only.",
}


class TooFewImages(VisionError):
    """There is no full batch to learn from."""

    code = "too_few_images"


@dataclass(frozen=True)
class Trained:
    """A trained network as a bundle without a name, not calibrated; the figures of every epoch by
    phase, and those of the weights that are kept."""

    bundle: Bundle
    history: dict[str, list[Metrics]]
    validation: Metrics


def fit_network(
    recipe: NetworkRecipe,
    curated: Curated,
    *,
    start: Bundle | None,
    cache: Path,
    folder: Path,
    on_progress: Callable[[FitProgress], None],
) -> Fitted:
    """Train a backbone and the recipe's heads as `train_network` does, and calibrate them.

    Raises what that does.
    """
    trained = train_network(
        recipe, curated, start=start, cache=cache, folder=folder, on_progress=on_progress
    )
    on_progress(FitProgress("calibration", 0, 1))
    crops = decode_crops(curated, recipe.decoded_side, cache, lambda _done, _total: None)
    labels = [one.labels for one in curated.validation]
    # As what is saved will compute it.
    finished, validation = calibrated_bundle(
        trained.bundle, whole(crops.validation, recipe.input_size), labels
    )
    on_progress(FitProgress("calibration", 1, 1))
    return Fitted(finished.manifest, finished.tensors, trained.history, validation)


def train_network(
    recipe: NetworkRecipe,
    curated: Curated,
    *,
    start: Bundle | None,
    cache: Path,
    folder: Path,
    on_progress: Callable[[FitProgress], None],
    deadline: float = float("inf"),
    on_best: Callable[[Bundle, Metrics], None] = lambda _bundle, _metrics: None,
) -> Trained:
    """Train a backbone and the recipe's heads, from a bundle's weights or from random ones.

    Decoded crops are kept in `cache` (see `vision.caches.crops`); where they are there already, no
    image is read. `folder` holds the checkpoint, written between epochs and every few minutes: a
    training that was cut off and is called again with the same folder goes on from there.
    `on_progress` is called after every batch, or every few on a GPU, and should be quick; what it
    raises stops the training, to be gone on with later. At `deadline`, a time of `time.monotonic`,
    it ends with the best weights it has had by then. `on_best` is given better ones, with their
    figures, as soon as they are found. The same recipe, start and images give the same weights on
    one machine; the global seeds of Python, NumPy and Keras are set. `start` may be None unless the
    recipe does not need a backbone.

    What comes out, not calibrated, is keras-vggface's graph: the normalisation that is trained
    with is folded into the convolutions, whose kernels are float16. Raises DiskFull,
    ExampleUnreadable, NothingToLearn, TooFewImages, LossDiverged, CheckpointUnusable and other
    kinds of VisionError.
    """
    if start is None and recipe.needs_backbone:
        raise ValueError(f"The recipe {recipe.name} needs weights to go on from.")
    claim_folder(
        folder,
        recipe,
        data=curated.fingerprint,
        start=backbone_fingerprint(start.tensors) if start else "",
    )

    def report(done: int, total: int) -> None:
        on_progress(FitProgress("crops", done, total))

    job = _Job(recipe, decode_crops(curated, recipe.decoded_side, cache, report), folder)
    job.build(start)
    trainer = job.trainer(deadline, lambda metrics: on_best(job.bundle(), metrics))
    history = trainer.run(on_progress)
    return Trained(job.bundle(), history, trainer.best_metrics)


class _Job:
    """One training: what it is given, and the network that it trains."""

    def __init__(self, recipe: NetworkRecipe, crops: Crops, folder: Path) -> None:
        self._recipe = recipe
        self._crops = crops
        self._learnt = [example.labels for example in crops.curated.train]
        self._readings = settled_readings(folder, recipe.sizes, partial(_measured, crops))
        self._checkpoint = folder / "network.safetensors"
        self._network: Any = None

    def build(self, start: Bundle | None) -> None:
        recipe = self._recipe
        seed_everything(recipe.seed)
        with computing_in(choose_precision()):
            self._network = build_network(recipe.trained_heads)
        freeze(self._network, recipe.frozen_blocks)
        if start and not self._checkpoint.exists():
            start_from(self._network, start, self._some_batches())

    def trainer(self, deadline: float, on_best: Callable[[Metrics], None]) -> Trainer:
        recipe, network = self._recipe, self._network
        resident = ResidentCrops(self._crops.train)
        phases = [self._phase(name, stage, resident) for name, stage in recipe.named_stages()]
        return Trainer(
            network,
            phases,
            _objective(recipe),
            build_optimizer(
                network.trainable_variables,
                steps=sum(phase.epochs * phase.steps for phase in phases),
                learning_rate=recipe.learning_rate,
                weight_decay=recipe.weight_decay,
                warm_up=recipe.warm_up,
            ),
            self._checkpoint,
            ema_decay=recipe.average,
            deadline=deadline,
            on_best=on_best,
        )

    def _phase(self, name: str, stage: Stage, resident: Any) -> Phase:
        recipe = self._recipe
        order = Order(recipe.seed, len(self._crops.train), stage.batch)
        if not order.steps:
            raise TooFewImages("batch", batch=stage.batch, count=order.count)
        targets = Targets.of(recipe.heads, self._learnt, recipe.balances)
        strength = recipe.augmentation

        def batches(epoch: int, first: int) -> ViewBatches:
            return ViewBatches(order, epoch, first, strength, targets)

        crop, views = keras.Input((), dtype="int32", name="crop"), _view_inputs(strength)
        render = RenderViews(stage.size, strength, self._readings[stage.size])
        shown = render(resident(crop), views)
        model = keras.Model({"crop": crop, **views}, self._network(shown))
        return Phase(
            name,
            stage.epochs,
            order.steps,
            model,
            batches,
            self._validation(stage.size),
            counts=stage == recipe.stages[-1],
        )

    def _validation(self, size: int) -> Callable[[], Metrics]:
        specs, crops = self._recipe.heads, self._shown(self._crops.validation, size)
        labels = [example.labels for example in self._crops.curated.validation]
        targets = Targets.of(specs, labels, {})

        def validate() -> Metrics:
            parts = [
                self._network.predict_on_batch(crops[i : i + _VALIDATION_BATCH])
                for i in range(0, len(crops), _VALIDATION_BATCH)
            ]
            outputs = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
            return validation_metrics(specs, outputs, targets)

        return validate

    def _shown(self, crops: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
        """Crops as the network sees them at a size when they are no views."""
        return self._readings[size].read_all(whole(crops, size))

    def _some_batches(self) -> Iterator[NDArray[np.uint8]]:
        """Crops drawn at random, unaugmented, at the size that training begins with."""
        crops, recipe = self._crops.train, self._recipe
        order = np.random.default_rng(recipe.seed).permutation(len(crops))
        for number in range(_MEASURED_BATCHES):
            chosen = np.sort(order[number * _MEASURED_BATCH : (number + 1) * _MEASURED_BATCH])
            if len(chosen):
                yield self._shown(crops[chosen], recipe.stages[0].size)

    def bundle(self) -> Bundle:
        """What the network is now, without a name."""
        recipe = self._recipe
        tensors: dict[str, NDArray[Any]] = {
            name: values.astype(np.float16) if name.endswith("kernel") else values
            for name, values in folded_backbone(self._network).items()
        }
        for spec in recipe.heads:
            tensors |= head_tensors(self._network.get_layer(spec.name), spec)
        manifest: dict[str, Any] = {**_ABOUT, "input_size": recipe.input_size}
        if reading := self._readings[recipe.input_size].as_json():
            manifest["reading"] = reading
        manifest["heads"] = {spec.name: spec.as_json() for spec in self._weighted_heads}
        return Bundle(manifest, tensors)

    @cached_property
    def _weighted_heads(self) -> list[HeadSpec]:
        """The heads with what their labels weigh here, which is the same for every bundle."""
        balances = self._recipe.balances
        heads = self._recipe.heads
        return [weighted_head(one, self._learnt, balances.get(one.name, 0)) for one in heads]


class ResidentCrops(keras.layers.Layer):  # type: ignore[misc]
    """Crops (N, S, S, 3) in the memory of the device: their numbers (B,) → (B, S, S, 3) uint8."""

    def __init__(self, crops: NDArray[np.uint8]) -> None:
        super().__init__(name="crops", trainable=False, dtype="uint8")
        self._crops = self.add_weight(crops.shape, "zeros", "uint8", trainable=False)
        self._crops.assign(crops)

    def call(self, numbers: Any) -> Any:
        return keras.ops.take(self._crops, numbers, axis=0)


def _view_inputs(strength: Augmentation) -> dict[str, Any]:
    drawn = draw_views(np.random.default_rng(), strength, 1)
    return {
        name: keras.Input(values.shape[1:], dtype=values.dtype.name, name=name)
        for name, values in drawn.items()
    }


def _measured(crops: Crops, size: int) -> Reading:
    return measured(whole(crops.train[sample(len(crops.train))], size))


def _objective(recipe: NetworkRecipe) -> Objective:
    """Errors are told in decades and shares of wrong answers, weighted as the losses are."""
    losses = {
        spec.name: blended(head_loss(spec, smoothing=recipe.smoothing, age_sigma=recipe.age_sigma))
        for spec in recipe.heads
    }
    weights = {spec.name: recipe.loss_weights[spec.name] for spec in recipe.heads}

    def error(metrics: Metrics) -> float:
        return sum(weights[spec.name] * _error(spec, metrics[spec.name]) for spec in recipe.heads)

    return Objective(losses, weights, error)


def _error(spec: HeadSpec, figures: dict[str, float]) -> float:
    if spec.name == "age":
        return figures["validation_mae"] / 10
    return 1 - figures["validation_accuracy"]
