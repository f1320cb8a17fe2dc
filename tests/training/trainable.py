"""A dataset and a backbone that heads are trained on in seconds; nothing can be learnt of them."""

import random
from pathlib import Path
from typing import Any

from tests.factories import DatasetFactory, SampleFactory
from tests.training.utkface import jpeg
from tests.vision.training_set import small_backbone
from training.datasets import example_files
from training.models import Dataset, ModelVersion
from training.registry.versions import register_bundle
from vision.bundles.bundle import save_bundle
from vision.training.head_recipes import HEAD_RECIPES, HeadRecipe

IMAGES = 80
QUICK = HEAD_RECIPES["full"].with_changes(heads=["gender"], epochs=3, batch=16, mirror=False)


def small_dataset(name: str = "tiny") -> Dataset:
    """Labelled noise, with its files."""
    dataset: Dataset = DatasetFactory.create(name=name)
    rng = random.Random(0)
    for number in range(IMAGES):
        SampleFactory.create(
            dataset=dataset,
            digest=example_files.keep(jpeg(number)),
            age=rng.randint(1, 90),
            gender=rng.randint(0, 1),
            race=rng.randint(0, 4),
            bucket=number % 20,
            group=number,
        )
    return dataset


def small_version(folder: Path) -> ModelVersion:
    """The starter at its smallest input, active."""
    bundle = small_backbone()
    save_bundle(folder, bundle.manifest, bundle.tensors)
    return register_bundle(folder, "small", activate=True)


def quick(**changes: Any) -> HeadRecipe:
    return QUICK.with_changes(**changes)
