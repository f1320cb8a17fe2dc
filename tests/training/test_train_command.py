"""`train` as people and programs call it: nothing else runs, and Ctrl-C costs an epoch at most."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.factories import DatasetFactory
from tests.training.utkface import random_files, write_zip
from training.management.commands import pretrain, train
from training.management.commands._training import TrainingCommand, activation

ROOT = Path(__file__).parents[2]
TRAIN = ("train", "--recipe", "full", "--heads", "age,gender", "--epochs", "4", "--seed", "3")
FIGURES = ("n", "age_mae", "age_rmse", "gender_accuracy", "race_accuracy", "age_interval_coverage")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "FACEROUTE_DATA_DIR": str(tmp_path / "data"),
        "DATABASE_URL": "",
        "DJANGO_SETTINGS_MODULE": "faceroute_site.settings",
    }


def start(environment: dict[str, str], *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "manage.py", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True)


def report_of(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """What a command printed: one JSON document and nothing else."""
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    report: dict[str, Any] = json.loads(output)
    return report


def test_interrupted_and_resumed_it_ends_with_the_figures_of_an_undisturbed_run(
    environment: dict[str, str], tmp_path: Path
) -> None:
    archive = write_zip(tmp_path / "utk.zip", random_files(80))
    report_of(start(environment, "import_dataset", str(archive), "--json"))
    undisturbed = report_of(start(environment, *TRAIN, "--json"))
    assert undisturbed.keys() == {"run", "model_version", "metrics"}
    assert undisturbed["model_version"] == f"full-{undisturbed['run']}"
    assert undisturbed["metrics"].keys() >= {*FIGURES, "groups", "seconds"}

    process = start(environment, *TRAIN)
    assert process.stderr
    lines = iter(process.stderr.readline, "")
    assert any(line.startswith("Age, epoch 1 of 4 (") for line in lines)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate()
    assert process.returncode == 130
    assert output == ""
    run = str(undisturbed["run"] + 1)
    assert f"Interrupted. `manage.py train --resume {run}` goes on where it stood." in errors
    assert "Traceback" not in errors

    resumed = report_of(start(environment, "train", "--resume", run, "--json"))
    assert resumed["model_version"] == f"full-{run}"
    for figure in FIGURES:
        assert resumed["metrics"][figure] == pytest.approx(undisturbed["metrics"][figure], abs=0.01)


_SWALLOWED = """
import signal
from contextlib import suppress

import django

django.setup()
from training.management.commands._training import interrupts_heeded

before = signal.getsignal(signal.SIGINT)
with interrupts_heeded() as heed:
    heed()
    with suppress(KeyboardInterrupt):  # as Python does in a destructor
        signal.raise_signal(signal.SIGINT)
    try:
        heed()
    except KeyboardInterrupt:
        print("heeded")
assert signal.getsignal(signal.SIGINT) is before
"""


def test_an_interrupt_that_a_library_swallows_is_not_lost(environment: dict[str, str]) -> None:
    # In a process of its own: one that runs other tests too may not bear a real signal.
    done = subprocess.run(
        [sys.executable, "-c", _SWALLOWED],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "heeded\n"), done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "There is no dataset yet. `manage.py import_dataset PATH` makes one."),
        (["--dataset", "none"], "There is no dataset called 'none'."),
    ],
)
@pytest.mark.django_db
def test_without_a_dataset_it_says_how_to_get_one(arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("train", "--recipe", "full", *arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "none"], "There is no model version called 'none'."),
        (["--epochs", "0"], "epochs must lie between 1 and 500, not 0."),
        (["--heads", "age,nose"], "has no head nose"),
    ],
)
@pytest.mark.django_db
def test_what_cannot_be_done_is_said(arguments: list[str], words: str) -> None:
    DatasetFactory.create()
    with pytest.raises(CommandError, match=words):
        call_command("train", "--recipe", "full", *arguments)


@pytest.mark.django_db
def test_a_dataset_too_small_is_said(settings: Any, tmp_path: Path) -> None:
    settings.MODEL_ROOT = tmp_path / "models"
    DatasetFactory.create()
    with pytest.raises(CommandError, match="Please import more images"):
        call_command("train", "--recipe", "full")


@pytest.mark.django_db
def test_a_run_goes_on_as_it_was_asked_for() -> None:
    with pytest.raises(CommandError, match="without heads"):
        call_command("train", "--resume", "1", "--heads", "age")
    with pytest.raises(CommandError, match="no training run 1 that could be resumed"):
        call_command("train", "--resume", "1")


@pytest.mark.parametrize(
    ("words", "activate", "even_if_worse"),
    [
        ([], False, False),
        (["--activate"], True, False),
        (["--activate", "--json"], True, False),
        (["--activate=if-no-worse"], True, False),
        (["--activate=even-if-worse"], True, True),
    ],
)
@pytest.mark.parametrize("command", [train.Command, pretrain.Command])
def test_activate_by_itself_asks_the_gate_and_a_word_does_not(
    command: type[TrainingCommand], words: list[str], activate: bool, even_if_worse: bool
) -> None:
    parser = command().create_parser("manage.py", "train")
    recipe = next(iter(command.choices))
    options = vars(parser.parse_args(["--recipe", recipe, *words]))
    assert activation(options) == {"activate": activate, "even_if_worse": even_if_worse}


def test_another_word_for_it_is_no_option() -> None:
    with pytest.raises(CommandError, match="invalid choice"):
        train.Command().create_parser("manage.py", "train").parse_args(
            ["--recipe", "full", "--activate=whatever"]
        )
