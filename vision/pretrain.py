"""Training a trunk from scratch together with its heads: the one function behind every road to it.

Keras 3's own API only, so that a recipe runs on any of its backends.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from .artifacts import Bundle
from .augment import whole
from .backbone import trunk_fingerprint
from .batchnorm import build_network, folded_trunk, freeze, start_from
from .calibrating import calibrated_bundle
from .checkpoints import assign_values, claim_folder, settled_readings
from .crops import Crops, decode_crops
from .dataset import Curated
from .fit import Fitted
from .heads import head_tensors
from .precision import choose_precision, computing_in
from .pretrain_loop import Aims, PretrainLoop
from .pretrain_recipe import PretrainRecipe
from .reading import Reading, measured, sample
from .stage import FitProgress, Metrics
from .targets import targets

_MEASURED_BATCHES, _MEASURED_BATCH = 8, 64

# What every model made here says of itself; see docs/model-bundle.md.
_ABOUT = {
    "architecture": "vgg16",
    "preprocessing": {"colour": "BGR", "mean": "vggface-1", "resize": "bilinear, antialiased"},
    "alignment": "utkface-1",
    "licence": "As its images allow; with UTKFace's, non-commercial research only.",
}


@dataclass(frozen=True)
class Trained:
    """A trained network as a bundle without a name, not calibrated; the figures of every epoch by
    phase, and those of the weights that are kept."""

    bundle: Bundle
    history: dict[str, list[Metrics]]
    validation: Metrics


def pretrain(
    recipe: PretrainRecipe,
    curated: Curated,
    *,
    start: Bundle | None,
    cache: Path,
    folder: Path,
    on_progress: Callable[[FitProgress], None],
) -> Fitted:
    """Train a trunk and the recipe's heads as `train_network` does, and calibrate them.

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
    recipe: PretrainRecipe,
    curated: Curated,
    *,
    start: Bundle | None,
    cache: Path,
    folder: Path,
    on_progress: Callable[[FitProgress], None],
    deadline: float = float("inf"),
    on_best: Callable[[Bundle, Metrics], None] | None = None,
) -> Trained:
    """Train a trunk and the recipe's heads, from a bundle's weights or from random ones.

    Decoded crops are kept in `cache` (see `vision.crops`); where they are there already, no image
    is read. `folder` holds the checkpoint, written after every epoch and every few minutes: a
    training that was cut off and is called again with the same folder goes on from there.
    `on_progress` is called after every batch and should be quick; what it raises stops the
    training, to be gone on with later. At `deadline`, a time of `time.monotonic`, it ends with
    the best weights it has had by then. `on_best` is given better ones, with their figures, as
    soon as they are found. The same recipe, start and images give the same weights within float
    noise on one machine, which a `sam_radius` enlarges; the global seeds of Python, NumPy and Keras
    are set. `start` may be None unless the recipe `goes_on`.

    What comes out, not calibrated, is keras-vggface's graph: the normalisation that is trained
    with is folded into the convolutions, whose kernels are float16. Raises DiskFull,
    ExampleUnreadable, NothingToLearn, LossDiverged, CheckpointUnusable and other kinds of
    VisionError.
    """
    if start is None and recipe.goes_on:
        raise ValueError(f"The recipe {recipe.name} needs weights to go on from.")
    claim_folder(
        folder,
        {
            "recipe": recipe.as_json(),
            "data": curated.fingerprint,
            "start": trunk_fingerprint(start.tensors) if start else "",
        },
    )

    def report(done: int, total: int) -> None:
        on_progress(FitProgress("crops", done, total))

    crops = decode_crops(curated, recipe.decoded_side, cache, report)
    keras.utils.set_random_seed(recipe.seed)
    with computing_in(choose_precision()):
        network = build_network(recipe.trained_heads)
    freeze(network, recipe.frozen_blocks)
    aims = _aims(recipe, crops, folder)
    saved = partial(_bundle, recipe, network, aims.readings[recipe.input_size])
    loop = PretrainLoop(
        recipe,
        network,
        aims,
        folder / "network.safetensors",
        deadline=deadline,
        on_best=lambda metrics: on_best(saved(), metrics) if on_best else None,
    )
    if start and not loop.has_checkpoint:
        start_from(network, start, _some_batches(aims, recipe))
    history = loop.run(on_progress)
    assign_values(network.weights, loop.best)
    return Trained(saved(), history, loop.best_metrics)


def _aims(recipe: PretrainRecipe, crops: Crops, folder: Path) -> Aims:
    train = [example.labels for example in crops.curated.train]
    validation = [example.labels for example in crops.curated.validation]
    return Aims(
        crops,
        settled_readings(folder, recipe.sizes, partial(_measured, crops)),
        targets(recipe.heads, train, {"age": recipe.age_balance}),
        targets(recipe.heads, validation, {}),
    )


def _measured(crops: Crops, size: int) -> Reading:
    return measured(whole(crops.train[sample(len(crops.train))], size))


def _some_batches(aims: Aims, recipe: PretrainRecipe) -> Iterator[NDArray[np.uint8]]:
    """Crops drawn at random, unaugmented, at the size that training begins with."""
    crops, size = aims.crops, recipe.stages[0].size
    order = np.random.default_rng(recipe.seed).permutation(len(crops.train))
    for number in range(_MEASURED_BATCHES):
        chosen = np.sort(order[number * _MEASURED_BATCH : (number + 1) * _MEASURED_BATCH])
        if len(chosen):
            yield aims.readings[size].read_all(whole(crops.train[chosen], size))


def _bundle(recipe: PretrainRecipe, network: Any, reading: Reading) -> Bundle:
    """What a network is now, as a bundle without a name."""
    tensors: dict[str, NDArray[Any]] = {
        name: values.astype(np.float16) if name.endswith("kernel") else values
        for name, values in folded_trunk(network).items()
    }
    for spec in recipe.heads:
        tensors |= head_tensors(network.get_layer(spec.name), spec)
    manifest: dict[str, Any] = {**_ABOUT, "input_size": recipe.input_size}
    if told := reading.as_json():
        manifest["reading"] = told
    manifest["heads"] = {spec.name: spec.as_json() for spec in recipe.heads}
    return Bundle(manifest, tensors)
