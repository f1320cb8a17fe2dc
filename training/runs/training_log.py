"""What a training run writes down of itself as it goes: progress, figures of epochs, a log."""

import json
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import override

from training.digits import three_digits
from training.jobs.lifecycle import Reporter
from training.messages import in_words, stored_in_words
from training.models import TrainingRun
from vision.attributes import ATTRIBUTES
from vision.messages import Message, Parameter

if TYPE_CHECKING:
    from vision.training.progress import FitProgress

logger = logging.getLogger(__name__)

Say = Callable[[str], None]

_LINES = 500
_TIME = "%Y-%m-%d %H:%M:%S"  # in UTC
_TIME_LENGTH = 19
_LAST_BLOCK = "block5"


class TrainingLog:
    """Listens to a training. Every call raises as `Reporter` does. A line of the log is a time and
    a message as JSON, which `lines_in_words` puts into words."""

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

    def write(self, message: Message, **fields: Any) -> None:
        """Add a line to the run's log, and write further fields of the run along with it."""
        with override("en"):
            self._say(in_words(message))
        line = f"{timezone.now():{_TIME}} {json.dumps(message.as_json())}"
        self._run.log = "\n".join([*self._run.log.splitlines(), line][-_LINES:])
        self._reporter.write(log=self._run.log, **fields)

    def _end_epoch(self, progress: "FitProgress") -> None:
        """Keep an epoch's figures, unless a worker that was lost since has done so."""
        started, self._epoch_started = self._epoch_started, None
        epochs = self._run.history.setdefault(progress.phase, [])
        if progress.epoch <= len(epochs):
            return
        epochs.append(progress.metrics)
        told: dict[str, Parameter] = {
            "phase": _named_phase(progress.phase),
            "epoch": progress.epoch,
            "epochs": progress.epochs,
            "figures": _figures(progress),
        }
        message = Message("log.epoch", told)
        if started:
            message = Message("log.epoch.timed", {**told, "seconds": time.monotonic() - started})
        self.write(message, history=self._run.history)


def _named_phase(phase: str) -> Message | str:
    if phase in ATTRIBUTES:
        return Message(f"title.{phase}")
    return Message("log.last_block") if phase == _LAST_BLOCK else phase


def _figures(progress: "FitProgress") -> list[Message]:
    """The figures of every head, each with its name where a phase trains others than its own."""
    named = {head: _of_head(figures) for head, figures in progress.metrics.items()}
    if list(named) == [progress.phase]:
        return named[progress.phase]
    return [
        Message("log.head", {"head": _named_phase(head), "figures": figures})
        for head, figures in named.items()
    ]


def _of_head(figures: Mapping[str, float]) -> list[Message]:
    return [
        Message(f"log.{name}", {"value": three_digits(value)}) for name, value in figures.items()
    ]


def lines_in_words(log: str) -> list[str]:
    """The lines of a run's log in the reader's language and time zone. Those that an earlier
    version wrote are English."""
    return [_in_words(line) for line in log.splitlines()]


def _in_words(line: str) -> str:
    stamp, text = line[:_TIME_LENGTH], line[_TIME_LENGTH + 1 :]
    try:
        at = timezone.localtime(datetime.strptime(stamp, _TIME).replace(tzinfo=UTC))
    except ValueError:
        return line
    return f"{at:{_TIME}} {_message_in_words(text)}"


def _message_in_words(text: str) -> str:
    try:
        record = json.loads(text)
        return stored_in_words(record["code"], record["parameters"])
    except (ValueError, LookupError, TypeError):
        return text
