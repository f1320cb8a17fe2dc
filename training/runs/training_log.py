"""What a training run writes down of itself as it goes: progress, figures of epochs, a log."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from training.jobs.lifecycle import Reporter
from training.models import TrainingRun

if TYPE_CHECKING:
    from vision.training.progress import FitProgress

logger = logging.getLogger(__name__)

Say = Callable[[str], None]

_LINES = 500


class TrainingLog:
    """Listens to a training. Every call raises as `Reporter` does. Its lines are English, for
    whoever reads them."""

    def __init__(self, run: TrainingRun, reporter: Reporter, say: Say = logger.info) -> None:
        self._run = run
        self._reporter = reporter
        self._say = say
        self._epoch_started: float | None = None

    def __call__(self, progress: "FitProgress") -> None:
        if progress.metrics:
            self._end_epoch(progress)
            return
        if progress.epoch and self._epoch_started is None:
            self._epoch_started = time.monotonic()
        self.progress(progress.phase, progress.done, progress.total)

    def progress(self, phase: str, done: int, total: int) -> None:
        """How far a phase is."""
        self._reporter(phase, done, total)

    def write(self, text: str, **fields: Any) -> None:
        """Add a line to the run's log, and write further fields of the run along with it."""
        self._say(text)
        lines = [*self._run.log.splitlines(), f"{timezone.now():%Y-%m-%d %H:%M:%S} {text}"]
        self._run.log = "\n".join(lines[-_LINES:])
        self._reporter.write(log=self._run.log, **fields)

    def _end_epoch(self, progress: "FitProgress") -> None:
        """Keep an epoch's figures, unless a worker that was lost since has done so."""
        started, self._epoch_started = self._epoch_started, None
        epochs = self._run.history.setdefault(progress.phase, [])
        if progress.epoch <= len(epochs):
            return
        epochs.append(progress.metrics)
        took = f" ({time.monotonic() - started:.1f} s)" if started else ""
        self.write(
            f"{progress.phase} {progress.epoch}/{progress.epochs}{took}: "
            f"{_in_words(progress.metrics)}",
            history=self._run.history,
        )


def _in_words(metrics: Mapping[str, Mapping[str, float]]) -> str:
    return "; ".join(f"{head} {_figures(figures)}" for head, figures in metrics.items())


def _figures(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in figures.items())
