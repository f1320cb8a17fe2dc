"""A training on a borrowed machine, from an opened parcel to what comes back. JAX and Keras."""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import keras

from vision.bundles.bundle import Bundle
from vision.caches.crops import decode_crops
from vision.durable_files import replace_durably
from vision.training.network_recipes import NetworkRecipe
from vision.training.network_training import train_network

from ..training.progress import FitProgress, Metrics
from .budget import first_validation, fitted_to, measure, reserve
from .clock import Clock
from .parcel import Parcel
from .results import ResultFolder

_MEASURED_SHARE, _MEASURED_SECONDS = 0.02, 10.0  # of the budget; at most
_GIVE_UP_SHARE = 0.4  # of the budget, where a step takes that long
_WRITE_SECONDS = 20.0  # between two writings of the best weights
_VALIDATED = "validated"  # a file that is there once the last stage was validated

Say = Callable[[str], None]


def run(parcel: Parcel, out: Path, work: Path, clock: Clock, tell: Say) -> None:
    """Train by a parcel's recipe until it is done or the clock has run out.

    `out` gets what comes back, `work` keeps what a later call goes on with. Raises kinds of
    VisionError.
    """
    tell(f"{_device()}; {clock.left:.0f} of {clock.total:.0f} s are left.")
    folder = ResultFolder(out, _about(parcel))
    if work.joinpath("done").exists() and folder.has_result:
        tell("This training is done: what it made lies there. Another needs another --out.")
        return
    _decode(parcel, work, tell)
    recipe, spare = _plan(parcel, work, clock, tell)
    watcher = _Watcher(folder, recipe, clock, tell, work / _VALIDATED)
    trained = train_network(
        recipe,
        parcel.curated,
        start=None,
        cache=work,
        folder=work / "training",
        on_progress=watcher,
        deadline=clock.end - spare,
        on_best=watcher.hear_best,
    )
    watcher.hear_best(trained.bundle, trained.validation)
    watcher.write(complete=True)
    work.joinpath("done").touch()
    tell(f"Done after {clock.spent:.0f} s. Bring home all of the folder {out.name}.")


def _decode(parcel: Parcel, work: Path, tell: Say) -> None:
    """Into the array that the training reads."""
    begun = time.monotonic()
    decode_crops(parcel.curated, parcel.about["side"], work, _unheard, parcel.read)
    tell(f"Crops decoded in {time.monotonic() - begun:.1f} s.")


def _plan(parcel: Parcel, work: Path, clock: Clock, tell: Say) -> tuple[NetworkRecipe, float]:
    """The recipe with the epochs that fit, and the seconds to keep for what follows the last
    step; found out once, then kept.

    What validates the last stage is compiled in one call and there in those after it, which need no
    time for it.
    """
    file = work / "plan.json"
    if not file.exists():
        recipe, spare, compiling = _measured(parcel, work, clock, tell)
        replace_durably(file, json.dumps([recipe.as_json(), spare, compiling]).encode())
    record, spare, *others = json.loads(file.read_text())  # before, the last two were one number
    if not (work / _VALIDATED).exists():
        spare += sum(others)
    recipe = NetworkRecipe.from_json(record)
    tell(
        "The plan: " + ", ".join(f"{name}: {s.epochs} epochs" for name, s in recipe.named_stages())
    )
    return recipe, float(spare)


def _measured(
    parcel: Parcel, work: Path, clock: Clock, tell: Say
) -> tuple[NetworkRecipe, float, float]:
    """The recipe with the epochs that fit; seconds to keep at the end, and for the first validation
    beside."""
    recipe, curated = parcel.recipe, parcel.curated

    def train(tried: NetworkRecipe, on_progress: Callable[[FitProgress], None]) -> None:
        decode_crops(curated, tried.decoded_side, work, _unheard, parcel.read)
        with tempfile.TemporaryDirectory(dir=work) as scratch:
            train_network(
                tried,
                curated,
                start=None,
                cache=work,
                folder=Path(scratch),
                on_progress=on_progress,
                deadline=clock.end,
            )

    seconds = min(_MEASURED_SECONDS, _MEASURED_SHARE * clock.total)
    give_up_at = time.monotonic() + _GIVE_UP_SHARE * clock.left
    paces = measure(recipe, train, seconds=seconds, give_up_at=give_up_at)
    for (name, stage), pace in zip(recipe.named_stages(), paces, strict=True):
        rate = len(curated.train) // stage.batch / pace.epoch
        tell(f"{name}: first steps after {pace.start:.1f} s, then {rate:.2f} a second.")
    spare = reserve(recipe, paces[-1], len(curated.train), len(curated.validation))
    compiling = first_validation(paces[-1])
    return fitted_to(recipe, paces, clock.left - spare - compiling), spare, compiling


class _Watcher:
    """Hears a training, and writes what is to come back."""

    def __init__(
        self,
        folder: ResultFolder,
        recipe: NetworkRecipe,
        clock: Clock,
        tell: Say,
        validated: Path,
    ) -> None:
        self._folder = folder
        self._recipe = recipe
        self._clock = clock
        self._tell = tell
        self._validated = validated
        *_, (self._last, _stage) = recipe.named_stages()
        self._better: tuple[Bundle, Metrics] | None = None  # than what is written
        self._written_at = 0.0

    def __call__(self, progress: FitProgress) -> None:
        if progress.metrics:
            self._folder.add_epoch(progress)
            if progress.phase == self._last:
                self._validated.touch()
            self._tell(
                f"{progress.phase}, epoch {progress.epoch} of {progress.epochs}, "
                f"{self._clock.spent:.0f} s: {_in_words(progress.metrics)}"
            )
        if time.monotonic() - self._written_at > _WRITE_SECONDS:
            self.write(complete=False)

    def hear_best(self, bundle: Bundle, validation: Metrics) -> None:
        self._better = bundle, validation

    def write(self, *, complete: bool) -> None:
        """Write the best weights, where better ones were found since they were written."""
        if self._better:
            bundle, validation = self._better
            self._folder.keep(
                bundle,
                recipe=self._recipe.as_json(),
                validation=validation,
                complete=complete,
                seconds=round(self._clock.spent),
            )
            self._better, self._written_at = None, time.monotonic()


def _unheard(_done: int, _total: int) -> None:
    """Nobody waits for this progress."""


def _in_words(metrics: Metrics) -> str:
    figures = (
        f"{head} {key.removeprefix('validation_')} {value:.4f}"
        for head, one in metrics.items()
        for key, value in one.items()
        if key in ("validation_mae", "validation_accuracy")
    )
    return ", ".join(figures)


def _device() -> str:
    device = jax.devices()[0]
    if device.platform == "cpu":
        return "No GPU is seen here, which is slow but works; training on the CPU"
    return f"Training on {device.device_kind}"


def _about(parcel: Parcel) -> dict[str, Any]:
    return {
        "parcel": parcel.fingerprint,
        "device": jax.devices()[0].device_kind,
        "libraries": {"jax": jax.__version__, "keras": keras.__version__},
    }
