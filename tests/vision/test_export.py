"""The export of a bundle: beside it, made of it, checked, and made without TensorFlow."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tests.vision.training_set import SIZE, random_crops, small_backbone
from vision.bundles.bundle import Bundle, load_bundle, save_bundle
from vision.bundles.export import ABOUT, GRAPH, is_exported, read_export, write_export
from vision.bundles.onnx_graph import onnx_graph
from vision.inference.openvino_engine import OpenVinoEngine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle with its export."""
    bundle = small_backbone()
    save_bundle(tmp_path / "small", {**bundle.manifest, "name": "small"}, bundle.tensors)
    write_export(tmp_path / "small", load_bundle(tmp_path / "small"))
    return tmp_path / "small"


def another() -> Bundle:
    """Other weights of the same shapes, so that its export has as many bytes."""
    bundle = small_backbone()
    return Bundle(bundle.manifest, {name: -values for name, values in bundle.tensors.items()})


def about(folder: Path) -> Any:
    return json.loads((folder / ABOUT).read_text())


def test_it_is_a_graph_with_all_that_is_to_be_known_of_it(folder: Path) -> None:
    graph, manifest = (folder / GRAPH).read_bytes(), load_bundle(folder).manifest
    onnx.checker.check_model(onnx.load_from_string(graph), full_check=True)
    told = about(folder)
    assert told["graph"]["sha256"] == hashlib.sha256(graph).hexdigest()
    assert told["input"]["shape"] == ["N", SIZE, SIZE, 3]
    assert told["framing"]["landmarks"].keys() >= {"left_eye", "right_eye", "nose"}
    assert told["licence"] == manifest["licence"]
    for name, head in manifest["heads"].items():
        output = told["outputs"][name]
        assert output["shape"] == ["N", head["layers"][-1]["dense"]]
        assert (output["labels"], output["temperature"]) == (head["labels"], head["temperature"])


def test_how_crops_are_read_is_told(tmp_path: Path) -> None:
    bundle, reading = small_backbone(), {"softness": -3.0, "highlights": 160.0}
    save_bundle(tmp_path / "soft", {**bundle.manifest, "reading": reading}, bundle.tensors)
    write_export(tmp_path / "soft", load_bundle(tmp_path / "soft"))
    assert about(tmp_path / "soft")["reading"] == reading


def test_an_engine_says_the_same_by_the_export_and_by_the_bundle(folder: Path) -> None:
    bundle, crops = load_bundle(folder), random_crops(3, SIZE)
    graph = read_export(folder, bundle.manifest)
    assert graph
    exported = OpenVinoEngine(bundle, precision="float32", graph=graph).outputs(crops)
    for head, values in OpenVinoEngine(bundle, precision="float32").outputs(crops).items():
        np.testing.assert_array_equal(exported[head], values)


def test_the_bundle_stays_as_it_was(folder: Path, tmp_path: Path) -> None:
    bundle = small_backbone()
    save_bundle(tmp_path / "twin", {**bundle.manifest, "name": "small"}, bundle.tensors)
    for file in (tmp_path / "twin").iterdir():
        assert file.read_bytes() == (folder / file.name).read_bytes()
    assert {file.name for file in folder.iterdir()} - {
        file.name for file in (tmp_path / "twin").iterdir()
    } == {GRAPH, ABOUT}


@pytest.mark.parametrize("damage", ["other bytes", "half", "gone", "a folder"])
def test_one_that_is_damaged_is_removed(
    folder: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    manifest, graph = load_bundle(folder).manifest, folder / GRAPH
    whole = graph.read_bytes()
    graph.unlink()
    if damage == "a folder":
        graph.mkdir()
    elif damage != "gone":
        graph.write_bytes(b"x" + whole[1:] if damage == "other bytes" else whole[: len(whole) // 2])
    assert is_exported(folder, manifest) == (damage == "other bytes")  # by its size
    assert read_export(folder, manifest) is None
    assert "its weights are used directly" in caplog.text
    assert not is_exported(folder, manifest)
    caplog.clear()
    assert read_export(folder, manifest) is None
    assert not caplog.records


def test_one_of_which_too_little_or_nonsense_is_told_is_not_used(folder: Path) -> None:
    manifest, told = load_bundle(folder).manifest, about(folder)
    short = {"bytes": told["graph"]["bytes"]}
    for text in (json.dumps({**told, "graph": short}), "{", "[]", "[" * 100_000):
        (folder / ABOUT).write_text(text)
        assert not is_exported(folder, manifest)


def test_one_whose_sum_does_not_fit_it_is_none(folder: Path) -> None:
    manifest, told = load_bundle(folder).manifest, about(folder)
    told["graph"]["sha256"] = "0" * 64
    (folder / ABOUT).write_text(json.dumps(told))
    assert not is_exported(folder, manifest)
    assert read_export(folder, manifest) is None


@pytest.mark.parametrize("graph", ["another's", "no graph"])
def test_another_graph_is_none_even_where_its_sum_is_told(folder: Path, graph: str) -> None:
    manifest, told = load_bundle(folder).manifest, about(folder)
    data = onnx_graph(another()) if graph == "another's" else b"x" * 1000
    (folder / GRAPH).write_bytes(data)
    told["graph"] |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / ABOUT).write_text(json.dumps(told))
    assert not is_exported(folder, manifest)
    assert read_export(folder, manifest) is None


@pytest.mark.parametrize("changed", ["heads", "reading", "licence"])
def test_one_of_another_bundle_is_not_used(folder: Path, changed: str) -> None:
    manifest = load_bundle(folder).manifest
    assert is_exported(folder, {**manifest, "trained_on": {"contents": 1}})  # nothing told of it
    assert not is_exported(folder, {**manifest, changed: {}})


def test_making_and_running_it_loads_no_tensorflow(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from vision.bundles.bundle import load_bundle\n"
        "from vision.bundles.export import read_export, write_export\n"
        "from vision.inference.openvino_engine import OpenVinoEngine\n"
        "folder = Path(sys.argv[1]); bundle = load_bundle(folder)\n"
        "write_export(folder, bundle)\n"
        "engine = OpenVinoEngine(bundle, graph=read_export(folder, bundle.manifest))\n"
        "engine.predict(np.zeros((1, engine.input_size, engine.input_size, 3), np.uint8))\n"
        "sys.exit(bool({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
