"""The house is in order: style, types, arrows, migrations, deployment checks, translations."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PUBLIC = {
    "FACEROUTE_HTTPS": "true",
    "ALLOWED_HOSTS": "faces.example.org",
    "SECRET_KEY": "long-enough-and-random-to-pass-for-a-key-of-a-public-site-0123456789",
}


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy", "."],
        ["lint-imports"],
        ["python", "manage.py", "makemigrations", "--check", "--dry-run"],
        ["python", "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        [
            "python",
            "manage.py",
            "spectacular",
            "--validate",
            "--fail-on-warn",
            "--file",
            os.devnull,
        ],
    ],
    ids=" ".join,
)
def test_nothing_to_complain_about(command: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [BIN / command[0], *command[1:]],
        cwd=ROOT,
        env={
            **os.environ,
            **PUBLIC,
            "FACEROUTE_DATA_DIR": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "faceroute_site.settings",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", ["faceroute_site.urls", "faceroute_site.asgi"])
def test_the_web_side_loads_no_tensorflow(module: str, tmp_path: Path) -> None:
    script = (
        f"import sys, django; django.setup(); import {module}\n"
        "loaded = {'tensorflow', 'keras', 'mtcnn'} & set(sys.modules)\n"
        "sys.exit(f'loaded {loaded}' if loaded else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "faceroute_site.settings",
            "FACEROUTE_DATA_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
