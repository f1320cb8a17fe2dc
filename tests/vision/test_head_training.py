"""Heads are trained by a recipe: they learn, what is saved serves, the same seed gives the same."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from tests.vision.calibrated import assert_calibrated
from tests.vision.training_set import SIZE, make_curated, small_backbone
from vision.attributes import GENDER, Labels
from vision.bundles.bundle import Bundle, load_bundle, save_bundle
from vision.caches.crops import measured_reading
from vision.caches.features import PLAIN, open_features
from vision.data.crop_files import read_crop
from vision.data.utkface import Curated
from vision.diskspace import DiskFull
from vision.heads.specs import parse_heads
from vision.heads.targets import NothingToLearn, weighted_head
from vision.inference.engine import Engine
from vision.training import trainer
from vision.training.checkpoints import Checkpoint, CheckpointUnusable, load_checkpoint
from vision.training.head_recipes import HEAD_RECIPES, HeadRecipe
from vision.training.head_training import Fitted, fit
from vision.training.progress import FitProgress, LossDiverged
from vision.types import FaceAttributes

QUICK = HEAD_RECIPES["full"].with_changes(
    epochs=60, patience=60, batch=16, mirror=False, learning_rate=0.1
)
BRIEF = QUICK.with_changes(epochs=4)  # for whatever does not ask what was learnt


@pytest.fixture(scope="module")
def backbone() -> Bundle:
    return small_backbone()


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return make_curated(tmp_path_factory.mktemp("images"))


Train = Callable[..., Fitted]


@pytest.fixture
def train(backbone: Bundle, curated: Curated, features: Path, tmp_path: Path) -> Train:
    """Train in seconds; `folder` names where checkpoints lie."""

    def run(
        with_recipe: HeadRecipe = BRIEF,
        *,
        data: Curated = curated,
        base: Bundle = backbone,
        folder: str = "run",
        cache: Path = features,
        on_progress: Callable[[FitProgress], None] = lambda _progress: None,
    ) -> Fitted:
        return fit(
            with_recipe,
            base,
            data,
            cache=cache,
            cache_bytes=10**9,
            folder=tmp_path / folder,
            on_progress=on_progress,
        )

    return run


def served(fitted: Fitted, folder: Path) -> Engine:
    save_bundle(folder, {**fitted.manifest, "name": folder.name}, fitted.tensors)
    return Engine(load_bundle(folder))


def assert_same(one: Fitted, other: Fitted) -> None:
    """To the bit."""
    assert one.tensors.keys() == other.tensors.keys()
    for name, values in one.tensors.items():
        np.testing.assert_array_equal(other.tensors[name], values, err_msg=name)
    assert one.history == other.history


def validation_crops(curated: Curated) -> NDArray[np.uint8]:
    return np.stack([read_crop(one.path.read_bytes(), SIZE) for one in curated.validation])


def estimates(engine: Engine, curated: Curated) -> list[tuple[Labels, FaceAttributes]]:
    labels = [one.labels for one in curated.validation]
    return list(zip(labels, engine.predict(validation_crops(curated)), strict=True))


def test_what_is_saved_serves_and_is_as_good_as_the_training_said(
    train: Train, curated: Curated, tmp_path: Path
) -> None:
    fitted = train(QUICK)
    labels = [one.labels for one in curated.train]
    for spec in parse_heads(fitted.manifest):
        assert spec.label_weights == weighted_head(spec, labels, QUICK.balance).label_weights
    faces = estimates(served(fitted, tmp_path / "model"), curated)
    error = np.mean([abs(face.age.years - labels["age"]) for labels, face in faces if face.age])
    gender = np.mean(
        [face.classes["gender"].label == GENDER.labels[labels["gender"]] for labels, face in faces]
    )
    assert gender > 0.75  # a guess is right half the time
    assert gender == pytest.approx(fitted.validation["gender"]["validation_accuracy"], abs=0.03)
    assert error == pytest.approx(fitted.validation["age"]["validation_mae"], rel=0.05)
    assert error < 8  # a guess of the mean age is 22 years off


def test_heads_are_calibrated_by_what_they_serve_with_its_second_looks(
    train: Train, tmp_path: Path
) -> None:
    lopsided = make_curated(tmp_path / "images", lopsided=True)
    assert_calibrated(train(QUICK, data=lopsided), lopsided.validation, validation_crops(lopsided))


def test_the_decks_heads_are_trained_and_serve(
    train: Train, curated: Curated, tmp_path: Path
) -> None:
    classic = HEAD_RECIPES["classic"].with_changes(epochs=4, batch=16)
    fitted = train(classic)
    assert fitted.tensors["race/Dense-1/kernel"].shape == (512, 512)
    first, *_, last = fitted.history["gender"]
    assert last["gender"]["loss"] < first["gender"]["loss"]
    for _, face in estimates(served(fitted, tmp_path / "model"), curated):
        assert len(face.classes["race"].probabilities) == 3
        assert face.age is not None
        assert face.age.low is not None


def test_the_same_seed_gives_the_same_weights_and_another_does_not(train: Train) -> None:
    once = train(folder="one")
    assert_same(once, train(folder="two"))
    other = train(BRIEF.with_changes(seed=1), folder="three")
    assert abs(once.tensors["age/Output/kernel"] - other.tensors["age/Output/kernel"]).max() > 0.01


def test_a_head_trained_alone_is_the_head_trained_with_others(train: Train) -> None:
    alone = train(BRIEF.with_changes(heads=["race"]), folder="alone")
    together = train(folder="together")
    for name in ("race/Output/kernel", "race/Output/bias"):
        assert alone.tensors[name] == pytest.approx(together.tensors[name], abs=1e-5)


def test_heads_that_are_not_trained_are_taken_over(train: Train, backbone: Bundle) -> None:
    fitted = train(BRIEF.with_changes(heads=["age"]))
    assert set(fitted.manifest["heads"]) == {"age", "gender", "race"}
    (taken,) = parse_heads(fitted.manifest, ["race"])
    assert [taken] == parse_heads(backbone.manifest, ["race"])
    assert (fitted.tensors["race/Output/kernel"] == backbone.tensors["race/Output/kernel"]).all()
    assert fitted.tensors.keys() == backbone.tensors.keys()


def test_progress_tells_every_phase_and_the_figures_of_every_epoch(train: Train) -> None:
    told: list[FitProgress] = []
    fitted = train(on_progress=told.append)
    assert list(dict.fromkeys(one.phase for one in told)) == list(BRIEF.phases)
    assert all(0 <= one.done <= one.total for one in told)
    epochs = [one for one in told if one.phase == "age" and one.metrics]
    assert [one.epoch for one in epochs] == list(range(1, BRIEF.epochs + 1))
    assert [one.metrics for one in epochs] == fitted.history["age"]
    assert epochs[-1].metrics["age"].keys() == {"loss", "validation_loss", "validation_mae"}
    assert [one.done for one in told if one.phase == "age"] == sorted(
        one.done for one in told if one.phase == "age"
    )


def test_a_head_that_no_longer_improves_stops_and_keeps_its_best(train: Train) -> None:
    patient = QUICK.with_changes(epochs=60, patience=2, learning_rate=0.3, heads=["race"])
    fitted = train(patient)
    losses = [epoch["race"]["validation_loss"] for epoch in fitted.history["race"]]
    assert len(losses) < 60
    assert len(losses) - 1 - int(np.argmin(losses)) == 2
    accuracies = [epoch["race"]["validation_accuracy"] for epoch in fitted.history["race"]]
    kept = fitted.validation["race"]["validation_accuracy"]
    assert kept == pytest.approx(accuracies[int(np.argmin(losses))])


def test_the_last_block_can_learn_too(train: Train, curated: Curated, tmp_path: Path) -> None:
    short = QUICK.with_changes(epochs=10, learning_rate=0.003)
    frozen = train(short, folder="frozen")
    fitted = train(short.with_changes(unfreeze="block5"), folder="unfrozen")
    conv4, conv5 = "conv4_3/kernel", "conv5_3/kernel"
    assert (fitted.tensors[conv4] == frozen.tensors[conv4]).all()
    assert abs(fitted.tensors[conv5] - frozen.tensors[conv5]).max() > 1e-5
    before = sum(one["validation_loss"] for one in frozen.history["age"][-1].values())
    assert fitted.history["block5"][-1]["age"]["validation_loss"] < before
    faces = estimates(served(fitted, tmp_path / "model"), curated)
    error = np.mean([abs(face.age.years - labels["age"]) for labels, face in faces if face.age])
    assert error == pytest.approx(fitted.validation["age"]["validation_mae"], rel=0.05)


def test_with_the_last_block_changed_heads_not_trained_are_left_out(train: Train) -> None:
    fitted = train(BRIEF.with_changes(heads=["gender"], unfreeze="block5"))
    assert set(fitted.manifest["heads"]) == {"gender"}
    assert not any(name.startswith("age/") for name in fitted.tensors)


class Enough(Exception):
    """Whoever watches the training has seen enough of it."""


def test_a_training_that_was_cut_off_goes_on_where_it_was(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "_SAVE_SHARE", float("inf"))  # a checkpoint after every epoch

    def watch(progress: FitProgress) -> None:
        if progress.phase == "gender" and progress.epoch == 3 and not progress.metrics:
            raise Enough

    with pytest.raises(Enough):
        train(on_progress=watch)
    again: list[FitProgress] = []
    resumed = train(on_progress=again.append)
    batches = [one for one in again if one.epoch and not one.metrics]
    assert not [one for one in batches if one.phase == "age"]
    assert min(one.epoch for one in batches if one.phase == "gender") == 3
    assert_same(resumed, train(folder="undisturbed"))


def written_as_before(file: Path) -> None:
    """Turn a checkpoint into one of the version before this one, of heads."""
    found = load_checkpoint(file, "gender")
    assert isinstance(found, Checkpoint)
    state = found.state
    record = {key: state[key] for key in ("epoch", "best_epoch", "finished")}
    record |= {"best_loss": state["best_error"], "history": state["history"]["gender"]}
    noise = np.array([1, 2], np.uint32)  # a random generator's state was kept among the weights
    groups = {
        "best": [*found.best, noise],
        "model": found.network,
        "optimizer": found.optimizer,
    }
    tensors = {
        f"{name}/{i}": np.asarray(values)
        for name, group in groups.items()
        for i, values in enumerate(group)
    }
    save_file(tensors, file, {"record": json.dumps(record)})


def test_a_training_of_the_version_before_goes_on(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "_SAVE_SHARE", float("inf"))

    def watch(progress: FitProgress) -> None:
        if progress.epoch == 4 and not progress.metrics:
            raise Enough

    brief = QUICK.with_changes(heads=["gender"], epochs=6)
    with pytest.raises(Enough):
        train(brief, on_progress=watch)
    written_as_before(tmp_path / "run" / "gender.safetensors")
    told: list[FitProgress] = []
    resumed = train(brief, on_progress=told.append)
    assert min(one.epoch for one in told if one.epoch and not one.metrics) == 4
    assert_same(resumed, train(brief, folder="undisturbed"))


def test_whoever_was_killed_before_hearing_of_an_epoch_hears_of_it_later(train: Train) -> None:
    def deaf(progress: FitProgress) -> None:
        if progress.metrics and progress.epoch == 2:
            raise Enough

    with pytest.raises(Enough):
        train(on_progress=deaf)
    told: list[FitProgress] = []
    fitted = train(on_progress=told.append)
    for phase in ("age", "gender"):
        heard = [one.metrics for one in told if one.phase == phase and one.metrics]
        assert heard == fitted.history[phase]


def test_another_training_does_not_go_on_in_the_same_folder(train: Train) -> None:
    train()
    with pytest.raises(CheckpointUnusable, match="another recipe"):
        train(BRIEF.with_changes(learning_rate=0.02))


def test_a_damaged_checkpoint_is_said(train: Train, tmp_path: Path) -> None:
    train()
    file = tmp_path / "run" / "age.safetensors"
    flipped = bytearray(file.read_bytes())
    flipped[-1] ^= 1  # a bit of a weight
    for damaged in (flipped, b"damaged"):
        file.write_bytes(damaged)
        with pytest.raises(CheckpointUnusable, match="damaged"):
            train()


def test_a_loss_that_is_no_number_ends_the_training_in_words(
    train: Train, backbone: Bundle, curated: Curated, tmp_path: Path
) -> None:
    own_cache = tmp_path / "damaged"
    reading = measured_reading(curated.train, SIZE)
    as_read = Bundle({**backbone.manifest, "reading": reading.as_json()}, backbone.tensors)
    with open_features(as_read, "pool5", cache=own_cache, cache_bytes=10**9) as store:
        store.fill([(one, PLAIN) for one in curated.train], lambda _done, _total: None)
    (rows,) = own_cache.rglob("rows")
    with rows.open("r+b") as file:
        file.write(np.full(512, np.nan, np.float16).tobytes())
    with pytest.raises(LossDiverged, match="no longer a number"):
        train(cache=own_cache)


def test_a_full_disk_is_said_in_words(train: Train, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "age.unfinished").symlink_to("/dev/full")
    with pytest.raises(DiskFull, match="make room"):
        train()


def test_a_head_without_any_label_to_learn_is_said(train: Train, curated: Curated) -> None:
    others = tuple(one for one in curated.train if one.labels["race"] >= 3)
    with pytest.raises(NothingToLearn, match="race"):
        train(
            HEAD_RECIPES["classic"].with_changes(heads=["race"]),
            data=replace(curated, train=others),
        )


def test_everything_about_a_result_can_be_written_down(train: Train) -> None:
    fitted = train(QUICK.with_changes(epochs=1))
    assert json.loads(json.dumps(fitted.manifest)) == fitted.manifest
    assert json.loads(json.dumps(fitted.history)) == fitted.history
    assert json.loads(json.dumps(fitted.validation)) == fitted.validation
