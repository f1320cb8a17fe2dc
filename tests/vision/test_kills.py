"""Heads that are killed at any point end the same to the bit, on JAX."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.vision.killed_here import POINTS

ROOT = Path(__file__).parents[2]
KILLED = [-9, 0]


def told(kind: str, folder: Path, *names: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.vision.killed_here", kind, folder, *names],
        cwd=ROOT,
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            # Compiling well takes longer than these few steps.
            "XLA_FLAGS": "--xla_backend_optimization_level=0",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return told("heads", tmp_path_factory.mktemp("heads"), *POINTS)


@pytest.mark.parametrize("point", POINTS)
def test_heads_killed_anywhere_end_as_if_they_were_not(heads: dict[str, Any], point: str) -> None:
    assert heads[point] == {"statuses": KILLED, "differ": []}
