"""A backbone is trained from scratch: it learns, goes on after a kill, and what is saved serves."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.vision.calibrated import assert_calibrated
from tests.vision.training_set import make_curated, small_backbone
from vision.attributes import GENDER
from vision.backbone.vgg16 import BACKBONE_TENSORS
from vision.bundles.bundle import Bundle, load_bundle, save_bundle
from vision.caches.crops import decode_crops, whole
from vision.data.utkface import Curated
from vision.inference.engine import Engine
from vision.training.checkpoints import CheckpointUnusable
from vision.training.head_training import Fitted
from vision.training.network_recipes import (
    NETWORK_RECIPES,
    Augmentation,
    NetworkRecipe,
    Stage,
)
from vision.training.network_training import TooFewImages, Trained, fit_network, train_network
from vision.training.progress import FitProgress, LossDiverged, Metrics

QUICK = NETWORK_RECIPES["starter-cpu"].with_changes(
    stages=(Stage(48, 1, 8), Stage(64, 1, 8)),
    learning_rate=3e-3,
    average=0.8,
    dropout=0.1,
    augmentation=Augmentation(mixup=0.2),
)
STEPS = 5  # of each epoch
ROOT = Path(__file__).parents[2]

Train = Callable[..., Fitted]


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return make_curated(tmp_path_factory.mktemp("images"), train=40, validation=20)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def train(curated: Curated, cache: Path) -> Train:
    def run(
        folder: Path,
        recipe: NetworkRecipe = QUICK,
        *,
        start: Bundle | None = None,
        on_progress: Callable[[FitProgress], None] = lambda _progress: None,
        data: Curated = curated,
    ) -> Fitted:
        return fit_network(
            recipe, data, start=start, cache=cache, folder=folder, on_progress=on_progress
        )

    return run


@pytest.fixture(scope="module")
def told() -> list[FitProgress]:
    return []


@pytest.fixture(scope="module")
def fitted(
    train: Train, told: list[FitProgress], tmp_path_factory: pytest.TempPathFactory
) -> Fitted:
    """Trained to the end, undisturbed."""
    return train(tmp_path_factory.mktemp("undisturbed"), on_progress=told.append)


def assert_same(one: Fitted, other: Fitted) -> None:
    """To the bit."""
    assert one.tensors.keys() == other.tensors.keys()
    for name, values in one.tensors.items():
        np.testing.assert_array_equal(other.tensors[name], values, err_msg=name)
    assert one.history == other.history


class Enough(Exception):
    """Whoever watches the training has seen enough of it."""


def test_what_is_saved_serves_as_the_training_said(
    fitted: Fitted, curated: Curated, cache: Path, tmp_path: Path
) -> None:
    save_bundle(tmp_path / "model", {**fitted.manifest, "name": "model"}, fitted.tensors)
    engine = Engine(load_bundle(tmp_path / "model"))
    crops = decode_crops(curated, QUICK.decoded_side, cache, lambda _done, _total: None)
    faces = engine.predict(whole(crops.validation, engine.input_size))
    labels = [example.labels for example in curated.validation]
    pairs = list(zip(faces, labels, strict=True))
    error = np.mean([abs(face.age.years - one["age"]) for face, one in pairs if face.age])
    right = np.mean(
        [face.classes["gender"].label == GENDER.labels[one["gender"]] for face, one in pairs]
    )
    assert error == pytest.approx(fitted.validation["age"]["validation_mae"], rel=0.02)
    assert right == pytest.approx(fitted.validation["gender"]["validation_accuracy"], abs=0.06)


def test_heads_are_calibrated_by_what_they_serve_with_its_second_looks(
    train: Train, cache: Path, tmp_path: Path
) -> None:
    lopsided = make_curated(tmp_path / "images", train=8, validation=20, lopsided=True)
    brief = QUICK.with_changes(stages=(Stage(48, 1, 8),), learning_rate=1e-5)
    (gender,) = [head for head in brief.heads if head.name == "gender"]
    always = replace(brief, heads=(replace(gender, tta_threshold=1.0),))
    fitted = train(tmp_path / "run", always, start=small_backbone(), data=lopsided)
    crops = decode_crops(lopsided, always.decoded_side, cache, lambda _done, _total: None)
    assert_calibrated(fitted, lopsided.validation, whole(crops.validation, 48))


def test_a_bundle_of_it_is_small_and_of_the_recipes_last_size(fitted: Fitted) -> None:
    assert sum(values.nbytes for values in fitted.tensors.values()) < 35 * 2**20
    assert fitted.tensors.keys() >= set(BACKBONE_TENSORS)
    assert fitted.manifest["input_size"] == 64
    starter = small_backbone().manifest
    inherited = ("architecture", "preprocessing", "alignment")
    assert all(fitted.manifest[key] == starter[key] for key in inherited)
    assert json.loads(json.dumps(fitted.manifest)) == fitted.manifest
    assert json.loads(json.dumps(fitted.history)) == fitted.history


def test_progress_tells_every_phase_and_the_figures_of_every_epoch(
    fitted: Fitted, told: list[FitProgress]
) -> None:
    assert list(dict.fromkeys(one.phase for one in told)) == list(QUICK.phases)
    assert all(0 <= one.done <= one.total for one in told)
    for phase in ("1: 48 px", "2: 64 px"):
        steps = [one.done for one in told if one.phase == phase and not one.metrics]
        assert steps == list(range(STEPS + 1))
        (epoch,) = [one for one in told if one.phase == phase and one.metrics]
        assert [epoch.metrics] == fitted.history[phase]
        assert epoch.metrics["age"].keys() == {"loss", "validation_loss", "validation_mae"}


def test_frozen_blocks_alone_stay_as_they_were(train: Train, tmp_path: Path) -> None:
    further, start = QUICK.with_changes(frozen_blocks=2), small_backbone()
    trained = train(tmp_path, further, start=start).tensors
    for name in BACKBONE_TENSORS:
        before = start.tensors[name].astype(np.float32)
        stays = np.allclose(trained[name].astype(np.float32), before, rtol=2e-3, atol=1e-4)
        assert stays == (name[len("conv")] in "12"), name


def test_random_weights_cannot_be_frozen(train: Train, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs weights to go on from"):
        train(tmp_path, QUICK.with_changes(frozen_blocks=2))


def test_a_kill_costs_nothing_but_time(
    train: Train, fitted: Fitted, curated: Curated, cache: Path, tmp_path: Path
) -> None:
    """Killed half-way through the second epoch, with a checkpoint of some step of it."""
    images = next(iter(curated.train)).path.parent
    script = (
        "import time\n"
        "from pathlib import Path\n"
        "import vision.training.trainer as loop\n"
        "from tests.vision.test_network_training import QUICK\n"
        "from tests.vision.training_set import make_curated\n"
        "from vision.training.network_training import fit_network\n"
        f"data = make_curated(Path({str(images)!r}), train=40, validation=20)\n"
        "def watch(progress):\n"
        "    if progress.phase == '2: 64 px' and progress.done == 2:\n"
        "        loop._SAVE_SECONDS = 0.0  # from here on after every step\n"
        "    if progress.phase == '2: 64 px' and progress.done == 3:\n"
        f"        Path({str(tmp_path / 'reached')!r}).touch()\n"
        "        time.sleep(60)\n"
        f"fit_network(QUICK, data, start=None, cache=Path({str(cache)!r}),\n"
        f"    folder=Path({str(tmp_path / 'run')!r}), on_progress=watch)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT) as process:
        deadline = time.monotonic() + 120
        while not (tmp_path / "reached").exists():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
    again: list[FitProgress] = []
    resumed = train(tmp_path / "run", on_progress=again.append)
    steps = [one.done for one in again if one.phase == "2: 64 px" and not one.metrics]
    assert steps == [3, 4, 5]
    assert [one.phase for one in again if one.metrics] == ["1: 48 px", "2: 64 px"]
    assert_same(fitted, resumed)
    again.clear()
    finished = train(tmp_path / "run", on_progress=again.append)
    assert not [one for one in again if one.epoch and not one.metrics]  # nothing is left to do
    assert_same(resumed, finished)


def test_it_learns_and_starts_from_what_it_is_given(
    train: Train, tmp_path: Path, curated: Curated
) -> None:
    """The starter's backbone knows colours and light; of tints it learns gender in no time."""
    recipe = QUICK.with_changes(
        stages=(Stage(48, 8, 8),),
        heads=["gender"],
        learning_rate=3e-4,
        augmentation=Augmentation(erase=0, grey=0, saturation=0),
    )
    fitted = train(tmp_path, recipe, start=small_backbone())
    losses = [epoch["gender"]["loss"] for epoch in fitted.history["1: 48 px"]]
    assert losses[-1] < 0.7 * losses[0]
    assert fitted.validation["gender"]["validation_accuracy"] > 0.8


def test_when_its_time_is_up_it_ends_with_what_it_has(
    curated: Curated, cache: Path, tmp_path: Path
) -> None:
    """In its first epoch, which is not at the final size; then nothing is left to do."""
    steps: list[int] = []
    found: list[Metrics] = []

    def watch(progress: FitProgress) -> None:
        if progress.phase == "1: 48 px" and not progress.metrics:
            steps.append(progress.done)

    def run() -> Trained:
        return train_network(
            QUICK,
            curated,
            start=None,
            cache=cache,
            folder=tmp_path,
            on_progress=watch,
            deadline=time.monotonic(),
            on_best=lambda _bundle, metrics: found.append(metrics),
        )

    trained = run()
    assert steps == [0, 1]
    assert list(trained.history) == ["1: 48 px"]
    assert trained.validation.keys() == {"age", "gender", "race"}
    again = run()
    assert steps == [0, 1]
    assert found == [trained.validation] == [again.validation]
    for name, values in trained.bundle.tensors.items():
        np.testing.assert_array_equal(again.bundle.tensors[name], values)


def test_whoever_watches_can_stop_it(train: Train, tmp_path: Path) -> None:
    def watch(progress: FitProgress) -> None:
        if progress.phase == "1: 48 px" and progress.done == 1:
            raise Enough

    with pytest.raises(Enough):
        train(tmp_path, on_progress=watch)


def test_another_training_does_not_go_on_in_the_same_folder(
    train: Train, fitted: Fitted, tmp_path: Path
) -> None:
    def watch(_progress: FitProgress) -> None:
        raise Enough

    with pytest.raises(Enough):
        train(tmp_path, on_progress=watch)
    with pytest.raises(CheckpointUnusable, match="another recipe"):
        train(tmp_path, QUICK.with_changes(seed=1))


def test_a_loss_that_is_no_number_ends_the_training_in_words(train: Train, tmp_path: Path) -> None:
    bundle = small_backbone()
    kernel = bundle.tensors["conv4_1/kernel"].copy()
    kernel[0, 0, 0, 0] = np.nan
    damaged = Bundle(bundle.manifest, {**bundle.tensors, "conv4_1/kernel": kernel})
    with pytest.raises(LossDiverged, match="no longer a number"):
        train(tmp_path, start=damaged)


def test_fewer_images_than_a_batch_are_said(train: Train, curated: Curated, tmp_path: Path) -> None:
    few = replace(curated, train=curated.train[:6], fingerprint="few")
    with pytest.raises(TooFewImages, match="8 images at a time, and the selection has 6"):
        train(tmp_path, data=few)
