"""A bundle is there whole or not at all, and says what is wrong with it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vision.bundles.bundle import (
    MANIFEST,
    WEIGHTS,
    copy_bundle,
    load_bundle,
    read_manifest,
    save_bundle,
)
from vision.errors import BundleCorrupt, BundleError, BundleIncompatible, BundleMissing

TENSORS = {"a/kernel": np.arange(6, dtype=np.float16).reshape(2, 3), "a/bias": np.zeros(3, "f4")}
DESCRIPTION = {"name": "tiny", "architecture": "vgg16", "input_size": 96, "heads": {"age": {}}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_bundle(tmp_path / "tiny", DESCRIPTION, TENSORS, documents={"CARD.md": "hello"})
    return tmp_path / "tiny"


def test_what_is_loaded_is_what_was_saved(folder: Path) -> None:
    bundle = load_bundle(folder)
    assert bundle.manifest["name"] == "tiny"
    assert bundle.manifest["format_version"] == 1
    assert (folder / "CARD.md").read_text() == "hello"
    assert bundle.tensors.keys() == TENSORS.keys()
    for name, values in TENSORS.items():
        assert bundle.tensors[name].dtype == values.dtype
        assert np.array_equal(bundle.tensors[name], values)


def test_a_missing_bundle_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BundleMissing, match="no model"):
        load_bundle(tmp_path / "nowhere")


def test_a_name_in_use_is_refused_and_the_bundle_stays(folder: Path) -> None:
    with pytest.raises(BundleError, match="already"):
        save_bundle(folder, {**DESCRIPTION, "name": "other"}, TENSORS)
    assert load_bundle(folder).manifest["name"] == "tiny"
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]


@pytest.mark.parametrize("keep", [0, 10, 100])
def test_truncated_weights_are_corrupt(folder: Path, keep: int) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[:keep])
    with pytest.raises(BundleCorrupt, match="not those"):
        load_bundle(folder)


def test_lost_weights_are_corrupt(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    with pytest.raises(BundleCorrupt, match="lost"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"format_version": 2}, BundleIncompatible),
        ({"format_version": None}, BundleIncompatible),
        ({"architecture": "resnet"}, BundleIncompatible),
        ({"input_size": 16}, BundleIncompatible),
        ({"input_size": "96"}, BundleCorrupt),
        ({"heads": []}, BundleCorrupt),
        ({"files": {}}, BundleCorrupt),
        ({"files": None}, BundleCorrupt),
    ],
)
def test_manifests_of_other_kinds_have_errors_of_their_own(
    folder: Path, change: dict[str, Any], error: type[BundleError]
) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | change))
    with pytest.raises(error):
        read_manifest(folder)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_of_any_kind_is_a_bundle_error(folder: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([MANIFEST, WEIGHTS]))
    original = (folder / name).read_bytes()
    damaged = bytearray(original)
    position = data.draw(st.integers(0, len(damaged) - 1))
    damaged[position] = data.draw(st.integers(0, 255).filter(lambda b: b != original[position]))
    (folder / name).write_bytes(bytes(damaged))
    try:
        if name == WEIGHTS:
            with pytest.raises(BundleCorrupt):
                load_bundle(folder)
        else:
            assert_loads_or_is_refused(folder)
    finally:
        (folder / name).write_bytes(original)


def assert_loads_or_is_refused(folder: Path) -> None:
    """Damage inside a manifest's words may go unnoticed; an error of another kind must not come."""
    try:
        load_bundle(folder)
    except BundleError as error:
        message = str(error)
        if not message:
            raise


def test_a_copy_is_verified_first(folder: Path, tmp_path: Path) -> None:
    copy_bundle(folder, tmp_path / "copy")
    assert load_bundle(tmp_path / "copy").manifest["files"] == read_manifest(folder)["files"]
    assert (tmp_path / "copy" / "CARD.md").exists()
    (folder / WEIGHTS).write_bytes(b"broken")
    with pytest.raises(BundleCorrupt):
        copy_bundle(folder, tmp_path / "second")
    assert not (tmp_path / "second").exists()


def test_a_process_killed_while_saving_leaves_no_bundle(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, sys, numpy\n"
        "from vision.bundles import bundle\n"
        "bundle.sync_folder = None\n"
        "write = bundle.write_durably\n"
        "def die(path, content):\n"
        "    write(path, content[:10])\n"
        "    os.kill(os.getpid(), 9)\n"
        "bundle.write_durably = die\n"
        f"bundle.save_bundle(pathlib.Path(sys.argv[1]), {DESCRIPTION!r},"
        " {'a': numpy.zeros(9)})\n"
    )
    target = tmp_path / "tiny"
    done = subprocess.run(
        [sys.executable, "-c", script, str(target)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )
    assert done.returncode == -9
    assert not target.exists()
    save_bundle(target, DESCRIPTION, TENSORS)
    assert load_bundle(target).manifest["name"] == "tiny"
