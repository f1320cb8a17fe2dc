"""What is declared of faces is labelled, learnt, served, measured, compared and reported."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.vision.training_set import SIZE, make_curated, small_backbone
from training.exams.gate import _figures
from training.models import ModelVersion
from training.reports.model_cards import model_card
from vision.attributes import ATTRIBUTES, Attribute
from vision.bundles.bundle import load_bundle, save_bundle
from vision.data.crop_files import read_crop
from vision.data.labelled_files import LabelledFile, LabelledFiles
from vision.data.utkface import Curated, Example
from vision.evaluation.kept_scores import as_bytes, read
from vision.evaluation.paired import by_group, overall
from vision.evaluation.report import report
from vision.evaluation.scores import Scores, collect
from vision.heads.specs import HeadSpec
from vision.inference.engine import Engine
from vision.training.head_recipes import HeadRecipe
from vision.training.head_training import fit

GLASSES = Attribute(
    "glasses", "binary", "Glasses", ("without", "with"), ("Without", "With"), is_sensitive=False
)
OUTPUT = ({"dense": 1, "activation": "sigmoid", "name": "Output"},)
RECIPE = HeadRecipe(
    "glasses",
    "full",
    (HeadSpec("glasses", "max_mean", OUTPUT, "binary", GLASSES.labels),),
    epochs=60,
    patience=60,
    batch=16,
    learning_rate=0.1,
)


@pytest.fixture(scope="module")
def glasses() -> Iterator[Attribute]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ATTRIBUTES, GLASSES.name, GLASSES)
        yield GLASSES


@pytest.fixture(scope="module")
def curated(glasses: Attribute, tmp_path_factory: pytest.TempPathFactory) -> Curated:
    """Whoever is a woman wears glasses; of every sixth face nobody has said whether."""

    def told(number: int, example: Example) -> Example:
        worn = {"glasses": example.labels["gender"]} if number % 6 else {}
        return replace(example, labels={**example.labels, **worn})

    made = make_curated(tmp_path_factory.mktemp("images"))
    train, validation = (
        tuple(told(number, one) for number, one in enumerate(part))
        for part in (made.train, made.validation)
    )
    return replace(made, train=train, validation=validation)


@pytest.fixture(scope="module")
def engine(curated: Curated, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A version that was trained for glasses on a backbone whose other heads it takes over."""
    folder = tmp_path_factory.mktemp("training")
    fitted = fit(
        RECIPE,
        small_backbone(),
        curated,
        cache=folder / "features",
        cache_bytes=10**9,
        folder=folder / "run",
        on_progress=lambda _progress: None,
    )
    save_bundle(folder / "model", {**fitted.manifest, "name": "model"}, fitted.tensors)
    return Engine(load_bundle(folder / "model"))


@pytest.fixture(scope="module")
def scores(engine: Engine, curated: Curated) -> Scores:
    crops = np.stack([read_crop(one.path.read_bytes(), SIZE) for one in curated.validation])
    return collect([one.labels for one in curated.validation], engine.predict(crops))


@pytest.mark.parametrize(
    "name", ["box", "quality", "attributes", "Glasses", "two words", "1st", ""]
)
def test_names_that_the_answers_use_or_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be called"):
        replace(GLASSES, name=name)


def test_labels_have_to_fit_their_kind_and_have_titles() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        replace(GLASSES, labels=("one",), label_titles=("One",))
    with pytest.raises(ValueError, match="do not fit"):
        replace(GLASSES, labels=("one", "one"))
    with pytest.raises(ValueError, match="needs a title"):
        replace(GLASSES, label_titles=("Without",))


def test_it_is_estimated_beside_the_three_that_ship(engine: Engine, curated: Curated) -> None:
    [face] = engine.predict(read_crop(curated.validation[1].path.read_bytes(), SIZE)[None])
    told = face.estimates()
    assert set(told) == {"age", "gender", "race", "glasses"}
    assert told["glasses"] is not None
    assert set(told["glasses"]["probabilities"]) == set(GLASSES.labels)
    assert told["glasses"]["label"] == "with"


def test_it_is_measured_where_somebody_has_said_it(scores: Scores) -> None:
    known = ~np.isnan(scores.outcomes["glasses_accuracy"])
    assert known.tolist() == [bool(number % 6) for number in range(len(scores))]
    assert scores.outcomes["glasses_accuracy"][known].mean() > 0.9


def test_its_scores_are_kept_and_those_of_before_know_nothing_of_it(
    scores: Scores, curated: Curated
) -> None:
    labels = [one.labels for one in curated.validation]
    found = read(as_bytes(scores), labels)
    np.testing.assert_allclose(
        found.probabilities["glasses"], scores.probabilities["glasses"], atol=1e-6
    )
    without = {name: c for name, c in scores.probabilities.items() if name != "glasses"}
    before = read(as_bytes(replace(scores, probabilities=without)), labels)
    assert np.isnan(before.probabilities["glasses"]).all()


def test_a_version_that_is_worse_at_it_is_seen(scores: Scores) -> None:
    flipped = {**scores.probabilities, "glasses": scores.probabilities["glasses"][:, ::-1]}
    worse = replace(scores, probabilities=flipped)
    assert "glasses_accuracy" in _figures(ModelVersion(manifest={}), ModelVersion(manifest={}))
    [loss] = overall(worse, scores, ["glasses_accuracy"])
    assert not loss.is_no_worse
    groups = [one.group for one in by_group(worse, scores, ["glasses_accuracy"])]
    assert {"glasses": "with"} in groups


def test_reports_and_cards_tell_it(engine: Engine, curated: Curated) -> None:
    files = [
        LabelledFile(one.path.name, one.path.read_bytes(), one.labels) for one in curated.validation
    ]
    told = report(engine, files)
    assert told["metrics"]["glasses_accuracy"] > 0.9
    assert told["confusion"]["glasses"]["labels"] == list(GLASSES.labels)
    assert told["reliability"]["glasses"]
    assert [one["n"] for one in told["by_group"] if one.get("glasses") == "with"]
    manifest = {**engine.manifest, "metrics": told["metrics"]}
    assert "glasses" in model_card(manifest, told)


def test_a_table_may_have_a_column_of_it(glasses: Attribute, tmp_path: Path) -> None:
    rows = "file,age,gender,race,glasses\na.png,30,female,asian,with\nb.png,31,0,1,\n"
    (tmp_path / "labels.csv").write_text(rows)
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"x")
    with LabelledFiles(tmp_path) as files:
        labels = [one.labels for one in files]
    assert labels == [
        {"age": 30, "gender": 1, "race": 2, "glasses": 1},
        {"age": 31, "gender": 0, "race": 1},
    ]
