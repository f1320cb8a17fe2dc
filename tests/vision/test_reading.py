"""Training, validation, features and serving show crops to a network in one and the same way."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.vision.training_set import SIZE, make_curated, small_backbone
from vision.bundles.bundle import Bundle
from vision.caches.crops import decode_crops, measured_reading, whole
from vision.caches.extractor import Extractor
from vision.caches.features import MIRRORED, PLAIN, open_features
from vision.crops.light import brighten, face_highlights, highlights
from vision.crops.reading import AS_THEY_ARE, Reading, measured, sample
from vision.crops.softness import soften, softness
from vision.data.crop_files import read_example
from vision.data.utkface import Curated
from vision.errors import BundleIncompatible
from vision.evaluation.edits import darkened
from vision.inference.engine import Engine
from vision.training.folder import settled_readings
from vision.training.head_recipes import HEAD_RECIPES
from vision.training.head_training import Fitted, fit
from vision.training.network_recipes import (
    NETWORK_RECIPES,
    Augmentation,
    NetworkRecipe,
    Stage,
)
from vision.training.network_training import fit_network
from vision.training.views import RenderViews, draw_views

SOFT = Reading(softness=-3.0)
BRIGHT = Reading(softness=-3.0, highlights=190.0)
HEADS = HEAD_RECIPES["full"].with_changes(heads=["gender"], epochs=1, batch=16, mirror=False)
WHOLE = NETWORK_RECIPES["starter-cpu"].with_changes(
    heads=["gender"], stages=(Stage(48, 1, 8), Stage(64, 1, 8))
)


def told(bundle: Bundle, reading: Reading) -> Bundle:
    """A bundle whose manifest says how its crops are read."""
    manifest = {key: value for key, value in bundle.manifest.items() if key != "reading"}
    if reading != AS_THEY_ARE:
        manifest["reading"] = reading.as_json()
    return Bundle(manifest, bundle.tensors)


@pytest.fixture(scope="module")
def backbone() -> Bundle:
    return told(small_backbone(), AS_THEY_ARE)


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return make_curated(tmp_path_factory.mktemp("images"), train=40, validation=16)


def noise(count: int, size: int = SIZE) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)


def test_a_manifest_says_it_and_says_nothing_of_what_stays() -> None:
    assert Reading.of({}) == AS_THEY_ARE
    for reading in (SOFT, BRIGHT, Reading(highlights=150.0), Reading(face_highlights=110.0)):
        assert Reading.of({"reading": reading.as_json()}) == reading
    assert SOFT.as_json() == {"softness": -3.0}
    assert AS_THEY_ARE.as_json() == {}
    crops = noise(2)
    assert AS_THEY_ARE.read_all(crops) is crops


@pytest.mark.parametrize(
    "record", [{"light": 3.0}, {"softness": "much"}, {"softness": float("nan")}, [1], 5, None]
)
def test_what_is_not_known_here_is_refused(backbone: Bundle, record: Any) -> None:
    with pytest.raises(BundleIncompatible, match="read in a way"):
        Engine(Bundle({**backbone.manifest, "reading": record}, backbone.tensors))


def test_the_targets_are_those_of_the_training_crops(curated: Curated) -> None:
    """Half of them are sharper, 1 in 20 darker, and of 1 in 100 the face is."""
    crops = [read_example(one, SIZE) for one in curated.train]
    found = measured(crops)
    assert found.softness == pytest.approx(np.median([softness(crop) for crop in crops]), abs=1e-4)
    darkest = np.percentile([highlights(crop) for crop in crops], 5)
    assert found.highlights == pytest.approx(darkest, abs=0.01)
    darkest = np.percentile([face_highlights(crop) for crop in crops], 1)
    assert found.face_highlights == pytest.approx(darkest, abs=0.01)
    assert measured_reading(curated.train, SIZE) == found


def test_a_dark_crop_is_brightened_and_then_softened() -> None:
    """Rounding dark values makes fine detail that a gain enlarges, and softening takes away."""
    dark = darkened(noise(1, 96)[0], 0.125)
    read = BRIGHT.read(dark)
    assert (read == soften(brighten(dark, 190.0), -3.0)).all()
    assert softness(read) == pytest.approx(-3.0, abs=0.1)
    other_way_round = brighten(soften(dark, -3.0), 190.0)
    assert softness(other_way_round) > softness(read) + 0.1


def test_a_dark_face_is_brightened_whatever_is_behind_it_where_the_manifest_says_so() -> None:
    crop = np.full((96, 96, 3), 255, np.uint8)
    crop[4:92, 14:82] = noise(1, 96)[0, 4:92, 14:82] // 8
    whole_crop = Reading(highlights=190.0)
    assert whole_crop.read(crop) is crop
    face = replace(whole_crop, face_highlights=110.0).read(crop)
    assert face_highlights(face) == pytest.approx(110, abs=4)
    plain = noise(1, 96)[0]
    assert replace(whole_crop, face_highlights=110.0).read(plain) is plain


def test_a_reading_from_before_there_was_light_leaves_dark_crops_dark() -> None:
    dark = darkened(noise(1, 96)[0], 0.125)
    read = Reading.of({"reading": {"softness": -3.0}}).read(dark)
    assert (read == soften(dark, -3.0)).all()


def test_of_many_crops_always_the_same_are_measured() -> None:
    few, many = sample(7), sample(20_000)
    assert few.tolist() == list(range(7))
    assert len(set(many.tolist())) == len(many) == 2000
    assert 9_000 < many.mean() < 11_000
    assert (many == sample(20_000)).all()


def test_an_engine_shows_its_network_crops_that_are_read(backbone: Bundle) -> None:
    """Looks at mirrored ones too."""
    twice = backbone.manifest["heads"]["gender"] | {"second_look": 1.0}
    manifest = {**backbone.manifest, "heads": {**backbone.manifest["heads"], "gender": twice}}
    plain = Engine(Bundle(manifest, backbone.tensors), precision="float32")
    reading = Engine(told(Bundle(manifest, backbone.tensors), SOFT), precision="float32")
    crops = noise(3)
    expected, found = plain.outputs(SOFT.read_all(crops)), reading.outputs(crops)
    for name in expected:
        assert found[name] == pytest.approx(expected[name], abs=1e-6)
        assert np.abs(found[name] - plain.outputs(crops)[name]).max() > 1e-3
    given = reading.plain_outputs(crops)["age"]
    assert given == pytest.approx(plain.plain_outputs(SOFT.read_all(crops))["age"], abs=1e-6)


def test_features_are_those_of_crops_that_are_read_and_kept_apart(
    backbone: Bundle, curated: Curated, tmp_path: Path
) -> None:
    crops = np.stack([read_example(one, SIZE) for one in curated.train[:8]])
    expected = Extractor(backbone, "pool5")(SOFT.read_all(crops))
    wanted = [(one, view) for one in curated.train[:8] for view in (PLAIN, MIRRORED)]
    keys = set()
    for reading in (AS_THEY_ARE, SOFT, replace(SOFT, highlights=250.0)):
        bundle = told(backbone, reading)
        keys.add(Extractor(bundle, "pool5").key)
        with open_features(bundle, "pool5", cache=tmp_path, cache_bytes=10**9) as store:
            store.fill(wanted, lambda _done, _total: None)
            found = store.values[store.rows(curated.train[:8], PLAIN)]
            if reading == SOFT:
                assert (found == expected).all()
            else:
                assert not (found == expected).all()
    assert len(keys) == 3


def test_a_view_is_read_but_for_what_is_erased_of_it() -> None:
    strength, crops = Augmentation(erase=1.0), noise(1)
    views = draw_views(np.random.default_rng(1), strength, 1)
    whole_view = RenderViews(SIZE, replace(strength, erase=0), AS_THEY_ARE)(crops, views)
    plain = np.asarray(whole_view)[0]
    read = np.asarray(RenderViews(SIZE, strength, SOFT)(crops, views))[0]
    left, top, width, height, value = views["erased"][0]
    erased = np.zeros((SIZE, SIZE), bool)
    rows, columns = (
        slice(round(start * SIZE), round((start + length) * SIZE))
        for start, length in ((top, height), (left, width))
    )
    erased[rows, columns] = True
    assert (read == value).all(axis=2).sum() == pytest.approx(erased.sum(), rel=0.2)
    inner = erased & (read == value).all(axis=2)
    assert inner.sum() >= 0.8 * erased.sum()
    softened = SOFT.read(plain).astype(int)
    away = ~(erased | (read == value).all(axis=2))
    assert (np.abs(read - softened)[away] <= 1).all()
    assert softness(plain) > -3.0


def test_a_training_keeps_what_it_has_measured(tmp_path: Path) -> None:
    measures: list[int] = []

    def measure(size: int) -> Reading:
        measures.append(size)
        return Reading(softness=-float(size))

    first = settled_readings(tmp_path, [48, 64], measure)
    again = settled_readings(tmp_path, [48, 64], measure)
    assert first == again == {48: Reading(softness=-48.0), 64: Reading(softness=-64.0)}
    assert measures == [48, 64]


def test_a_training_from_before_there_were_readings_goes_on_as_it_began(tmp_path: Path) -> None:
    def measure(_size: int) -> Reading:
        raise AssertionError

    (tmp_path / "network.safetensors").write_bytes(b"a checkpoint")
    assert settled_readings(tmp_path, [48], measure) == {48: AS_THEY_ARE}


Train = Callable[..., Fitted]


@pytest.fixture
def train_heads(curated: Curated, tmp_path: Path) -> Train:
    def run(backbone: Bundle) -> Fitted:
        return fit(
            HEADS,
            backbone,
            curated,
            cache=tmp_path / "features",
            cache_bytes=10**9,
            folder=tmp_path / "run",
            on_progress=lambda _progress: None,
        )

    return run


def test_heads_on_a_backbone_that_says_nothing_measure_it(
    train_heads: Train, backbone: Bundle, curated: Curated
) -> None:
    fitted = train_heads(backbone)
    assert Reading.of(fitted.manifest) == measured_reading(curated.train, SIZE)


def test_heads_on_a_backbone_that_says_it_keep_to_that(
    train_heads: Train, backbone: Bundle
) -> None:
    assert Reading.of(train_heads(told(backbone, SOFT)).manifest) == SOFT


def test_heads_half_trained_before_go_on_with_crops_as_they_are(
    train_heads: Train, backbone: Bundle, tmp_path: Path
) -> None:
    train_heads(backbone)
    (tmp_path / "run" / "readings.json").unlink()
    fitted = train_heads(backbone)
    assert "reading" not in fitted.manifest


def fitted_network(
    with_recipe: NetworkRecipe, curated: Curated, folder: Path, start: Bundle | None = None
) -> Fitted:
    return fit_network(
        with_recipe,
        curated,
        start=start,
        cache=folder / "crops",
        folder=folder / "run",
        on_progress=lambda _progress: None,
    )


def test_a_backbone_is_trained_and_validated_on_crops_that_are_read(
    curated: Curated, tmp_path: Path
) -> None:
    fitted = fitted_network(WHOLE, curated, tmp_path)
    crops = decode_crops(
        curated, WHOLE.decoded_side, tmp_path / "crops", lambda _done, _total: None
    )
    assert Reading.of(fitted.manifest) == measured(whole(crops.train, 64))
    kept = settled_readings(tmp_path / "run", WHOLE.sizes, lambda _size: AS_THEY_ARE)
    assert kept == {size: measured(whole(crops.train, size)) for size in (48, 64)}


def test_a_backbone_half_trained_before_goes_on_with_crops_as_they_are(
    curated: Curated, tmp_path: Path
) -> None:
    fitted_network(WHOLE, curated, tmp_path)
    (tmp_path / "run" / "readings.json").unlink()
    assert "reading" not in fitted_network(WHOLE, curated, tmp_path).manifest


def test_threads_may_read_at_once() -> None:
    crops = noise(16, 96)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(SOFT.read, crops))
    assert (np.stack(found) == SOFT.read_all(crops)).all()
