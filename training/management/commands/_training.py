"""What the commands that train have in common: a training run, done by this process."""

import json
import os
import signal
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from training.jobs.progress_line import ProgressLine
from training.models import Dataset, JobState, ModelVersion, TrainingRun
from training.runs.trainings import execute, take
from vision.errors import VisionError

from ._database import ready_database

_STOPPED_BY_HAND = 130  # as shells have it

# What `--activate` means by itself, and the word for those who mean it.
IF_NO_WORSE, EVEN_IF_WORSE = "if-no-worse", "even-if-worse"


class TrainingCommand(BaseCommand):
    """Creates a run, or takes one that was cut off, executes it and prints what it made."""

    choices: ClassVar[Iterable[str]]
    """The recipes' names."""

    changeable: ClassVar[tuple[str, ...]] = ()
    """Options, beside those of every training, that say nothing to a run that goes on."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--recipe", choices=self.choices)
        what.add_argument("--resume", type=int, metavar="RUN", help="Go on with a run cut off.")
        parser.add_argument("--dataset", help="Its name; the newest if not given.")
        add_activate(parser)
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")

    def create(self, dataset: Dataset, options: dict[str, Any]) -> TrainingRun:
        """The run that is asked for. Raises VisionError and CommandError."""
        raise NotImplementedError

    def handle(self, **options: Any) -> None:
        # Only errors: TensorFlow's greetings would bury the result.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        for_new_runs = {*self.changeable, "dataset", "activate"}
        if options["resume"] and (given := for_new_runs & _given(options)):
            raise CommandError(f"A run goes on as it was asked for, without {', '.join(given)}.")
        ready_database()
        try:
            pk = options["resume"] or self.create(named_dataset(options["dataset"]), options).pk
            run = take(pk)
        except VisionError as error:
            raise CommandError(str(error)) from error
        version = self._execute(run, quiet=options["json"])
        if options["json"]:
            metrics = version.metrics
            report = {"run": run.pk, "model_version": version.name, "metrics": metrics}
            if run.activate:
                report |= {"serves": not run.waits_for_decision, "message": run.sentence}
            self.stdout.write(json.dumps(report))
        else:
            self.stdout.write(run.sentence)

    def _execute(self, run: TrainingRun, *, quiet: bool) -> ModelVersion:
        progress = ProgressLine(quiet)
        again = f"`manage.py train --resume {run.pk}` goes on where it stood."
        try:
            with interrupts_heeded() as heed:

                def watch(phase: str, done: int, total: int) -> None:
                    heed()
                    progress(phase, done, total)

                state = execute(run, watch, say=progress.line)
        except KeyboardInterrupt:
            raise CommandError(f"Interrupted. {again}", returncode=_STOPPED_BY_HAND) from None
        except DatabaseError as error:
            raise CommandError(f"The database does not answer ({error}). {again}") from error
        if state != JobState.DONE or run.version is None:
            raise CommandError(f"{run.sentence} {again}")
        return run.version


@contextmanager
def interrupts_heeded() -> Iterator[Callable[[], None]]:
    """Ctrl-C may fall into a destructor or a callback of a library, where Python drops it; what is
    yielded raises it again."""
    pressed = False

    def press(_signal: int, _frame: object) -> None:
        nonlocal pressed
        pressed = True
        raise KeyboardInterrupt

    def heed() -> None:
        if pressed:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, press)
    try:
        yield heed
    finally:
        signal.signal(signal.SIGINT, before)


def named_version(name: str | None) -> ModelVersion | None:
    """The version of a name; None where none is given. Raises CommandError."""
    if name is None:
        return None
    version = ModelVersion.objects.filter(name=name).first()
    if version is None:
        raise CommandError(f"There is no model version called {name!r}.")
    return version


def add_activate(parser: ArgumentParser) -> None:
    """The option that `activation` reads."""
    parser.add_argument(
        "--activate",
        nargs="?",
        const=IF_NO_WORSE,
        choices=[IF_NO_WORSE, EVEN_IF_WORSE],
        help="Let the new version serve, unless something speaks against it; with "
        f"={EVEN_IF_WORSE}, whatever does.",
    )


def activation(options: dict[str, Any]) -> dict[str, bool]:
    """What `--activate` asks of `create_training`."""
    wanted = options["activate"]
    return {"activate": bool(wanted), "even_if_worse": wanted == EVEN_IF_WORSE}


def _given(options: dict[str, Any]) -> set[str]:
    return {name for name, value in options.items() if value is not None and value is not False}


def named_dataset(name: str | None) -> Dataset:
    """The dataset of a name; the newest where none is given. Raises CommandError."""
    found = Dataset.objects.filter(name=name) if name else Dataset.objects.all()
    dataset = found.order_by("-created_at", "-pk").first()
    if dataset is None:
        missing = f"There is no dataset called {name!r}." if name else "There is no dataset yet."
        raise CommandError(f"{missing} `manage.py import_dataset PATH` makes one.")
    return dataset
