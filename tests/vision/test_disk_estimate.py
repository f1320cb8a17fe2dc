"""What a training is said to need is what it takes."""

from pathlib import Path

import pytest

from tests.vision.training_set import SIZE, make_curated, small_backbone
from vision.caches.features import MIRRORED, PLAIN, open_features
from vision.training.disk_estimate import checkpoint_bytes, feature_bytes
from vision.training.head_recipes import HEAD_RECIPES, HeadRecipe
from vision.training.head_training import fit

ONE_EPOCH = HEAD_RECIPES["full"].with_changes(epochs=1, batch=8)


@pytest.mark.parametrize("unfreeze", ["none", "block5"])
@pytest.mark.parametrize("heads", [["gender"], ["age", "gender", "race"]])
def test_checkpoints_and_bundle_fit_in_what_was_said(
    tmp_path: Path, unfreeze: str, heads: list[str]
) -> None:
    chosen = ONE_EPOCH.with_changes(unfreeze=unfreeze, heads=heads)
    fitted = fit(
        chosen,
        small_backbone(),
        make_curated(tmp_path / "images", 16, 8),
        cache=tmp_path / "features",
        cache_bytes=10**9,
        folder=tmp_path / "run",
        on_progress=lambda _progress: None,
    )
    kept = sum(file.stat().st_size for file in (tmp_path / "run").iterdir())
    bundle = sum(values.nbytes for values in fitted.tensors.values())
    assert kept + bundle <= checkpoint_bytes(chosen, SIZE)
    features = sum(file.stat().st_size for file in (tmp_path / "features").rglob("rows"))
    assert features == feature_bytes(chosen, SIZE, 16, 8)


@pytest.mark.parametrize(
    "chosen", [HEAD_RECIPES["classic"], HEAD_RECIPES["full"]], ids=lambda one: one.name
)
def test_a_store_takes_what_was_said(tmp_path: Path, chosen: HeadRecipe) -> None:
    curated = make_curated(tmp_path / "images", 6, 3)
    views = (PLAIN, MIRRORED) if chosen.mirror else (PLAIN,)
    wanted = [(one, view) for one in curated.train for view in views]
    looks = (PLAIN, MIRRORED) if chosen.augments_at_test_time else (PLAIN,)
    wanted += [(one, look) for one in curated.validation for look in looks]
    with open_features(small_backbone(), "pool5", cache=tmp_path / "f", cache_bytes=10**9) as store:
        store.fill(wanted, lambda _done, _total: None)
    [rows] = (tmp_path / "f").rglob("rows")
    assert rows.stat().st_size == feature_bytes(chosen, SIZE, 6, 3)


def test_the_decks_heads_need_what_their_weights_come_to() -> None:
    age = HEAD_RECIPES["classic"].with_changes(heads=["age"])
    weights = 401_424 + 136 + 9
    backbone = 14_714_688
    assert checkpoint_bytes(age, 224) == 4 * (4 * 2 * weights + backbone + weights)
