"""What a training imports beyond JAX travels along as wheels, and is all that does."""

import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from vision.offline import wheels


def make_wheel(folder: Path, tags: str = "py3-none-any") -> Path:
    """The smallest wheel that pip takes."""
    folder.mkdir(parents=True, exist_ok=True)
    info = "parcelled-1.0.dist-info"
    file = folder / f"parcelled-1.0-{tags}.whl"
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr("parcelled.py", "ARRIVED = True\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: parcelled\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tags}\n")
        wheel.writestr(f"{info}/RECORD", "")
    return file


def test_whatever_the_carried_packages_ask_for_is_carried_too_or_known() -> None:
    asked = {
        name
        for package in wheels.CARRIED
        for line in metadata.requires(package) or ()
        if (name := wheels.requirement(line))
    }
    assert "optree" in asked
    assert asked <= wheels.known()


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("numpy (>=1.9.1)", "numpy"),
        ("typing_extensions>=4.12.0; python_version >= '3.13'", "typing-extensions"),
        ("rich ; extra == 'test'", None),
        ("ml-dtypes", "ml-dtypes"),
    ],
)
def test_a_requirement_is_read_by_its_name(line: str, name: str | None) -> None:
    assert wheels.requirement(line) == name


def test_what_travelled_can_be_imported(tmp_path: Path) -> None:
    make_wheel(tmp_path / "wheels")
    script = (
        "from pathlib import Path\n"
        "from vision.offline.wheels import install\n"
        f"install(Path({str(tmp_path / 'wheels')!r}), Path({str(tmp_path / 'site')!r}))\n"
        "import parcelled, sys\n"
        "print(parcelled.ARRIVED, 'keras' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["True", "False"], done.stderr


def test_a_wheel_for_another_python_is_said(tmp_path: Path) -> None:
    make_wheel(tmp_path / "wheels", tags="cp27-cp27m-win32")
    with pytest.raises(wheels.WheelsUnusable, match="not a supported wheel"):
        wheels.install(tmp_path / "wheels", tmp_path / "site")


def test_what_the_machine_lacks_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(wheels.EXPECTED, "abacus", "abacus")
    with pytest.raises(wheels.WheelsUnusable, match="This Python lacks abacus"):
        wheels.install(tmp_path, tmp_path / "site")
