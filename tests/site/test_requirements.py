"""What is imported is declared, what is declared is pinned, and pins are complete and hashed."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ROOT = Path(__file__).parents[2]
PACKAGES = ("faceroute_site", "predictions", "training", "vision")
COMPILED = ("requirements", "requirements-dev", "requirements-gpu")
# A training on a borrowed machine runs on that machine's JAX; the site never imports it.
BORROWED = {"jax"}

Pins = dict[NormalizedName, Requirement]


def imported_by(*folders: str) -> set[str]:
    """The top-level names of others' modules that the code in the folders imports."""
    names: set[str] = set()
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    names.update(alias.name.split(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names - {*PACKAGES, "tests"}


def declared(name: str) -> list[Requirement]:
    """The requirements of an .in file and of those it includes, without constraints."""
    found: list[Requirement] = []
    for line in (ROOT / f"{name}.in").read_text().splitlines():
        text = line.split("#")[0].strip()
        if text.startswith("-r "):
            found += declared(text.removeprefix("-r ").removesuffix(".in"))
        elif text and not text.startswith("-c "):
            found.append(Requirement(text))
    return found


def pinned(name: str) -> Pins:
    """The pins of a compiled file, by normalised name."""
    lines = re.findall(r"^\w.*==.*(?= \\$)", (ROOT / f"{name}.txt").read_text(), re.MULTILINE)
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(pin.name): pin for pin in requirements}


def version(pin: Requirement) -> str:
    (only,) = pin.specifier
    return only.version


def applies(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""})


def needed(roots: list[Requirement]) -> Iterator[Requirement]:
    """The roots and, over any number of steps, what their installed distributions require here."""
    waiting, seen = [*roots], set[str]()
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        yield requirement
        for line in metadata.requires(requirement.name) or []:
            further = Requirement(line)
            if applies(further, requirement.extras):
                waiting.append(further)


@pytest.mark.parametrize(
    ("folders", "files"),
    [(PACKAGES, ["requirements"]), (("tests",), ["requirements", "requirements-dev"])],
    ids=["site", "tests"],
)
def test_what_is_imported_is_declared(folders: tuple[str, ...], files: list[str]) -> None:
    known = {canonicalize_name(line.name) for file in files for line in declared(file)}
    providers = metadata.packages_distributions()
    undeclared = {
        name
        for name in imported_by(*folders)
        if not known & {canonicalize_name(provider) for provider in providers.get(name, [])}
    }
    assert undeclared - BORROWED == set()


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_pins_are_what_is_declared_and_all_that_it_needs(name: str) -> None:
    """As pip would have it on this machine; nothing is looked up elsewhere."""
    pins = pinned(name)
    reached = set()
    for requirement in needed(declared(name)):
        key = canonicalize_name(requirement.name)
        assert key in pins, f"{requirement} is not pinned: run `make requirements`."
        assert version(pins[key]) in requirement.specifier, f"{requirement}: {pins[key]}"
        reached.add(key)
    assert reached == {key for key, pin in pins.items() if applies(pin, set())}


@pytest.mark.parametrize("name", COMPILED)
def test_what_is_declared_is_pinned(name: str) -> None:
    pins = pinned(name)
    for requirement in declared(name):
        assert version(pins[canonicalize_name(requirement.name)]) in requirement.specifier


@pytest.mark.parametrize("name", ["requirements-dev", "requirements-gpu"])
def test_files_that_are_installed_together_agree(name: str) -> None:
    base, more = pinned("requirements"), pinned(name)
    assert {key: version(more[key]) for key in base.keys() & more.keys()} == {
        key: version(base[key]) for key in base.keys() & more.keys()
    }
    assert base.keys() & more.keys()


def test_the_gpu_image_has_everything_and_cuda() -> None:
    base, more = pinned("requirements"), pinned("requirements-gpu")
    assert base.keys() < more.keys()
    assert {name.split("-")[0] for name in more.keys() - base.keys()} == {"nvidia"}


@pytest.mark.parametrize("name", COMPILED)
def test_every_pin_is_hashed_and_no_host_is_named(name: str) -> None:
    text = (ROOT / f"{name}.txt").read_text()
    assert "://" not in text
    entries = re.split(r"^(?=\w)", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(pinned(name))
    for entry in entries:
        assert re.search(r"^ +--hash=sha256:[0-9a-f]{64}\b", entry, re.MULTILINE), entry
    lines = re.sub(r"^ *#.*", "", text, flags=re.MULTILINE)
    assert set(re.findall(r"(?<!\S)-[\w-]+", lines)) == {"--hash"}
