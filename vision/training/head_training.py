"""Training heads on a backbone: the one function behind button, call, command and test.

Keras 3's own API only, so that a recipe runs on any of its backends.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from vision.backbone.precision import choose_precision, computing_in
from vision.backbone.vgg16 import (
    BACKBONE_TENSORS,
    backbone_fingerprint,
    backbone_tensors,
    build_backbone,
)
from vision.bundles.bundle import Bundle
from vision.caches.crops import measured_reading
from vision.caches.extractor import Cut
from vision.caches.features import MIRRORED, PLAIN, FeatureStore, open_features
from vision.crops.reading import AS_THEY_ARE, Reading
from vision.data.utkface import Curated, Example
from vision.heads.calibration import calibrate
from vision.heads.losses import head_loss, head_targets
from vision.heads.specs import HeadSpec, build_head, head_tensors, needs_mirror
from vision.heads.targets import Targets, weighted_head

from .batches import FeatureBatches, FeatureRows, Order
from .determinism import seed_everything
from .folder import claim_folder, settled_readings
from .head_recipes import HeadRecipe
from .optimizer import build_optimizer
from .progress import FitProgress, Metrics, validation_figures, validation_metrics
from .trainer import Objective, Phase, Trainer

_BLOCK5 = ("conv5_1", "conv5_2", "conv5_3", "pool5")
_BLOCK5_RATE = 0.1  # of the heads' learning rate, for weights that are good already
_PREDICTION_BATCH = 256
_INHERITED = ("architecture", "input_size", "preprocessing", "alignment", "reading", "licence")


@dataclass(frozen=True)
class Fitted:
    """What a training made: all that a bundle needs but its name.

    `manifest` and `tensors` are for `vision.bundles.bundle.save_bundle`. `history` holds the
    figures of every epoch by phase; `validation` those of the weights that are kept, by head.
    """

    manifest: dict[str, Any]
    tensors: dict[str, NDArray[Any]]
    history: dict[str, list[Metrics]]
    validation: Metrics


def fit(
    recipe: HeadRecipe,
    backbone: Bundle,
    curated: Curated,
    *,
    cache: Path,
    cache_bytes: int,
    folder: Path,
    on_progress: Callable[[FitProgress], None],
) -> Fitted:
    """Train the recipe's heads on the backbone of a bundle.

    Features are kept in `cache`, at most `cache_bytes` of them. `folder` holds the checkpoints: a
    training that was cut off and is called again with the same folder goes on after its last
    epoch. `on_progress` is called after every batch and should be quick; what it raises stops the
    training, to be gone on with later. The same recipe, backbone and images give the same weights
    within float noise on one machine; the global seeds of Python, NumPy and Keras are set.

    Crops are read as the bundle says, since that is how its backbone has learnt to; where it says
    nothing, as the training images call for (`vision.crops.reading`).

    Heads of the bundle that the recipe does not train are taken over as they are, unless block 5
    changes under them: then the result lacks them. Raises DiskFull, FeaturesBusy,
    ExampleUnreadable, LossDiverged, CheckpointUnusable and other kinds of VisionError.
    """
    job = _Job(recipe, backbone, curated, folder, on_progress)
    job.claim_folder()
    backbone = job.settle_reading()
    cuts: tuple[Cut, ...] = ("pool5",) if recipe.unfreeze == "none" else ("pool5", "pool4")
    with ExitStack() as stack:
        stores = [
            stack.enter_context(open_features(backbone, cut, cache=cache, cache_bytes=cache_bytes))
            for cut in cuts
        ]
        for store in stores:
            job.fill(store)
        job.train_heads(stores[0])
        if recipe.unfreeze == "block5":
            job.train_block5(stores[1])
        return job.calibrated()


class _Job:
    """One training: what it is given, and what it has made so far."""

    def __init__(
        self,
        recipe: HeadRecipe,
        backbone: Bundle,
        curated: Curated,
        folder: Path,
        report: Callable[[FitProgress], None],
    ) -> None:
        self._recipe = recipe
        self._backbone = backbone
        self._curated = curated
        self._folder = folder
        self._report = report
        self._heads: dict[str, Any] = {}
        self._tensors = {name: backbone.tensors[name] for name in BACKBONE_TENSORS}
        self._history: dict[str, list[Metrics]] = {}
        self._outputs: dict[str, NDArray[np.float32]] = {}

    def claim_folder(self) -> None:
        """Raises CheckpointUnusable where the folder is that of another training."""
        claim_folder(
            self._folder,
            self._recipe,
            data=self._curated.fingerprint,
            backbone=backbone_fingerprint(self._backbone.tensors),
        )

    def settle_reading(self) -> Bundle:
        """The backbone with what is from now on said of how its crops are read."""
        if Reading.of(self._backbone.manifest) == AS_THEY_ARE:
            size = self._backbone.manifest["input_size"]
            measure = partial(measured_reading, self._curated.train)
            reading = settled_readings(self._folder, [size], measure)[size]
            said = {"reading": reading.as_json()} if reading != AS_THEY_ARE else {}
            self._backbone = Bundle({**self._backbone.manifest, **said}, self._backbone.tensors)
        return self._backbone

    def fill(self, store: FeatureStore) -> None:
        def report(done: int, total: int) -> None:
            self._report(FitProgress("features", done, total))

        train = [(example, view) for example in self._curated.train for view in self._views]
        views = (PLAIN, MIRRORED) if self._recipe.augments_at_test_time else (PLAIN,)
        validation = [(example, view) for example in self._curated.validation for view in views]
        store.fill(train + validation, report)

    def train_heads(self, store: FeatureStore) -> None:
        """Each head by itself on the backbone as it is."""
        for spec in self._recipe.heads:
            seed_everything(self._recipe.seed)
            head = build_head(keras.Input(store.shape), spec)
            model = keras.Model(head.input, {spec.name: head.output})
            self._heads[spec.name] = head
            self._train(spec.name, model, [spec], store, self._recipe.learning_rate)

    def train_block5(self, store: FeatureStore) -> None:
        """All heads together with the backbone's last block, from where each has got to."""
        seed_everything(self._recipe.seed)
        with computing_in(choose_precision()):
            backbone = build_backbone(self._backbone.manifest["input_size"], self._backbone.tensors)
        source = x = keras.Input(store.shape)
        for name in _BLOCK5:
            x = backbone.get_layer(name)(x)
        model = keras.Model(source, {name: head(x) for name, head in self._heads.items()})
        rate = self._recipe.learning_rate * _BLOCK5_RATE
        self._train("block5", model, self._recipe.heads, store, rate)
        changed = backbone_tensors(backbone)
        self._tensors |= {
            name: values for name, values in changed.items() if name.startswith("conv5")
        }

    def calibrated(self) -> Fitted:
        """Temperatures and intervals by the validation split, and everything put together."""
        self._report(FitProgress("calibration", 0, 1))
        learnt = [example.labels for example in self._curated.train]
        labels = [example.labels for example in self._curated.validation]
        heads: dict[str, HeadSpec] = {}
        validation: Metrics = {}
        for spec in self._recipe.heads:
            targets, known = head_targets(spec, labels)
            outputs, targets = self._outputs[spec.name][known], targets[known]
            weighted = weighted_head(spec, learnt, self._recipe.balance)
            heads[spec.name] = calibrate(weighted, outputs, targets)
            validation[spec.name] = validation_figures(heads[spec.name], outputs, targets)
            self._tensors |= head_tensors(self._heads[spec.name], spec)
        if self._recipe.unfreeze == "none":
            heads |= self._taken_over()
        source = self._backbone.manifest
        manifest = {key: source[key] for key in _INHERITED if key in source}
        manifest["heads"] = {name: spec.as_json() for name, spec in heads.items()}
        self._report(FitProgress("calibration", 1, 1))
        return Fitted(manifest, self._tensors, self._history, validation)

    def _taken_over(self) -> dict[str, HeadSpec]:
        """The heads of the bundle that are not trained, with their tensors."""
        others = [name for name in self._backbone.manifest["heads"] if name not in self._heads]
        self._tensors |= {
            name: values
            for name, values in self._backbone.tensors.items()
            if name.split("/")[0] in others
        }
        specs = self._backbone.manifest["heads"]
        return {name: HeadSpec.from_json(name, specs[name]) for name in others}

    def _train(
        self,
        phase: str,
        model: Any,
        specs: Sequence[HeadSpec],
        store: FeatureStore,
        learning_rate: float,
    ) -> None:
        recipe, train = self._recipe, self._curated.train
        index = np.concatenate([store.rows(train, view) for view in self._views])
        order = Order(recipe.seed, len(index), min(recipe.batch, len(index)))
        targets = _targets(specs, train * len(self._views), recipe.balance)
        rows = FeatureRows(store.values, index, targets)

        def batches(epoch: int, first: int) -> FeatureBatches:
            return FeatureBatches(order, epoch, first, rows)

        validation = _targets(specs, self._curated.validation, balance=0)

        def validate() -> Metrics:
            return validation_metrics(specs, self._predicted(model, store, PLAIN), validation)

        trainer = Trainer(
            model,
            [Phase(phase, recipe.epochs, order.steps, model, batches, validate)],
            _objective(specs, validate),
            build_optimizer(
                model.trainable_variables,
                steps=order.steps * recipe.epochs,
                learning_rate=learning_rate,
                weight_decay=recipe.weight_decay,
            ),
            self._folder / f"{phase}.safetensors",
            patience=recipe.patience,
        )
        self._history[phase] = trainer.run(self._report)[phase]
        self._outputs |= self._predicted(model, store, PLAIN)
        self._augment_test(model, specs, store)

    def _augment_test(self, model: Any, specs: Sequence[HeadSpec], store: FeatureStore) -> None:
        if not (twice := [spec for spec in specs if spec.tta_threshold]):
            return
        mirrored = self._predicted(model, store, MIRRORED)
        for spec in twice:
            first = self._outputs[spec.name]
            again = needs_mirror(spec, first)
            first[again] = np.mean((first[again], mirrored[spec.name][again]), axis=0)

    def _predicted(
        self, model: Any, store: FeatureStore, view: int
    ) -> dict[str, NDArray[np.float32]]:
        """A model's outputs (N, units) for the validation split, by head."""
        rows, size = store.rows(self._curated.validation, view), _PREDICTION_BATCH
        parts = [
            model.predict_on_batch(store.values[rows[i : i + size]])
            for i in range(0, len(rows), size)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    @property
    def _views(self) -> tuple[int, ...]:
        return (PLAIN, MIRRORED) if self._recipe.mirror else (PLAIN,)


def _targets(specs: Sequence[HeadSpec], examples: Sequence[Example], balance: float) -> Targets:
    labels = [example.labels for example in examples]
    return Targets.of(specs, labels, {spec.name: balance for spec in specs})


def _objective(specs: Sequence[HeadSpec], validate: Callable[[], Metrics]) -> Objective:
    """Heads that are trained together count alike: by the losses that they begin with, of which an
    age's is some thirty times a gender's."""
    weights = {spec.name: 1.0 for spec in specs}
    if len(specs) > 1:
        weights = {name: 1 / of["validation_loss"] for name, of in validate().items()}

    def error(metrics: Metrics) -> float:
        return sum(weights[name] * of["validation_loss"] for name, of in metrics.items())

    return Objective({spec.name: head_loss(spec) for spec in specs}, weights, error)
