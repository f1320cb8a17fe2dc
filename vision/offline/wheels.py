"""The packages that a training needs and a machine with JAX lacks, as wheels that travel along.

The standard library alone: what is here runs before anything is installed.
"""

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from ..errors import VisionError

PYTHON = "3.12"

# What Keras and keras-vggface import, and what that imports.
CARRIED: tuple[str, ...] = (
    "keras", "keras-vggface", "keras-applications",
    "absl-py", "namex", "optree", "packaging", "rich", "typing-extensions",
)  # fmt: skip
# What the machine has to have, by the name it is imported by, and what JAX brings.
EXPECTED: dict[str, str] = {
    "jax": "jax",
    "pillow": "PIL",
    "numpy": "numpy",
    "safetensors": "safetensors",
}
_WITH_JAX = {"ml-dtypes", "scipy"}
# Asked for by what is carried, and not imported by what of it is used: files of the former Keras,
# and coloured source code.
_UNUSED = {"h5py", "markdown-it-py", "pygments", "pyyaml", "six"}

_PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")


class WheelsUnusable(VisionError):
    """The wheels cannot be had, or do not fit."""

    code = "wheels_unusable"


def download(folder: Path) -> None:
    """Fetch the wheels of what is installed here, in its versions, for Linux on x86-64.

    Raises WheelsUnusable.
    """
    platforms = [f"--platform={name}_x86_64" for name in _PLATFORMS]
    pinned = [f"{name}=={metadata.version(name)}" for name in CARRIED]
    exactly = ("--only-binary=:all:", "--no-deps", "--implementation=cp")
    _pip("download", *exactly, f"--python-version={PYTHON}", *platforms, "-d", str(folder), *pinned)
    if missing := sorted(set(_required(folder)) - known()):
        raise WheelsUnusable("required", missing=missing)


def known() -> set[str]:
    """Every package whose absence would not surprise."""
    return {*CARRIED, *EXPECTED, *_WITH_JAX, *_UNUSED}


def install(folder: Path, target: Path) -> None:
    """Install the wheels of a folder into another, and let this process import from there.

    Raises WheelsUnusable where they do not fit this Python, or what is expected is missing.
    """
    if missing := [name for name, module in EXPECTED.items() if find_spec(module) is None]:
        raise WheelsUnusable("python", missing=missing)
    wheels = sorted(map(str, folder.glob("*.whl")))
    if not wheels:
        return
    exactly = ("--no-index", "--no-deps", "--no-compile", "--no-cache-dir", "--upgrade")
    _pip("install", *exactly, f"--target={target}", *wheels)
    sys.path.insert(0, str(target))


def requirement(text: str) -> str | None:
    """The package that a line `Requires-Dist` asks for; None where it is for an extra alone."""
    name, _, condition = text.partition(";")
    if "extra" in condition:
        return None
    return re.sub(r"[-_.]+", "-", re.split(r"[\s<>=!~(\[]", name.strip())[0]).lower()


def _required(folder: Path) -> Iterator[str]:
    for file in folder.glob("*.whl"):
        with zipfile.ZipFile(file) as wheel:
            listed = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
            lines = wheel.read(listed).decode().splitlines()
        for line in lines:
            if line.startswith("Requires-Dist:") and (name := requirement(line[14:])):
                yield name


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise WheelsUnusable("pip", said=done.stderr.strip()[-600:])
