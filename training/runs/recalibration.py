"""A version from another: the same weights, told anew how to read crops and how sure to be."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from django.utils import timezone

from training.datasets import curations, lineage
from training.exams.examinations import examine_waiting
from training.exams.freezing import settled_exam
from training.exams.label_facts import with_test_of
from training.models import Dataset, ModelVersion
from training.registry.stored_bundles import load_version
from training.registry.versions import check_name_is_free
from vision.attributes import AGE, Labels
from vision.bundles.bundle import Bundle
from vision.data.selection import POLICIES
from vision.data.utkface import Example
from vision.errors import BundleError
from vision.heads.specs import HeadSpec
from vision.heads.targets import weighted_head

from .publishing import facts_of_data, findings_of, library_versions, registered, saved

OnProgress = Callable[[str, int, int], None]


def calibrate_anew(
    version: ModelVersion, dataset: Dataset, name: str, on_progress: OnProgress
) -> ModelVersion:
    """A new version with a version's weights, which does not serve yet.

    How it reads its crops (`vision.crops.reading`) is measured on the training split of a dataset,
    its temperatures and intervals on the validation split, its report on the test split: each as
    the version's own recipe selects them. Raises VisionError's kinds. Imports TensorFlow.
    """
    from vision.caches.crops import measured_reading
    from vision.training.calibrating import calibrated_bundle

    check_name_is_free(name)
    bundle = load_version(version)
    if not bundle.manifest["heads"]:
        raise BundleError("backbone", name=version.name)
    lineage.bring_up_to_date(on_progress)
    exam = settled_exam(dataset)
    seed = bundle.manifest.get("data", {}).get("seed", 0)
    curated = curations.curated(dataset, _recipe(bundle), seed)
    curations.bring_here(curated, on_progress)
    on_progress("reading", 0, 1)
    size = bundle.manifest["input_size"]
    reading = measured_reading(curated.train, size)
    heads = _weighted_heads(bundle.manifest, [one.labels for one in curated.train])
    manifest = {**bundle.manifest, "reading": reading.as_json(), "heads": heads}
    on_progress("calibration", 0, 1)
    crops, labels = _crops(curated.validation, size), [one.labels for one in curated.validation]
    read_so = replace(bundle, manifest=manifest)
    calibrated, _figures = calibrated_bundle(read_so, crops, labels)
    found = findings_of(calibrated, curated.test, dataset, exam, on_progress)
    facts = {
        "name": name,
        "metrics": found.report["metrics"],
        "calibration": {
            "of": version.name,
            **facts_of_data(dataset, curated),
            "libraries": library_versions(),
        },
        "created_at": timezone.now().isoformat(),
    }
    if learnt := bundle.manifest.get("labels"):
        facts["labels"] = with_test_of(learnt, curated)
    made = replace(calibrated, manifest={**calibrated.manifest, **facts})
    version = registered(saved(made, found.report), name, found)
    if exam:  # with whom it is to be compared
        examine_waiting(exam, on_progress)
    return version


def _recipe(bundle: Bundle) -> str:
    """What selected the images of a version; that of all labels where nothing says so."""
    recipe = bundle.manifest.get("data", {}).get("recipe")
    return recipe if recipe in POLICIES else "full"


def _weighted_heads(manifest: Mapping[str, Any], learnt: Sequence[Labels]) -> dict[str, Any]:
    """The heads of a manifest. Those of before weights were kept get the weights that their own
    training, by its recipe, gives to such labels as were `learnt` from."""
    recipe = manifest.get("training", {}).get("recipe", {})
    heads = dict(manifest["heads"])
    for name in heads.keys() & recipe.get("heads", {}).keys():
        spec = HeadSpec.from_json(name, heads[name])
        if not spec.label_weights:
            heads[name] = weighted_head(spec, learnt, _balance(recipe, name)).as_json()
    return heads


def _balance(recipe: Mapping[str, Any], head: str) -> float:
    """By how much rare labels of a head counted more, by the record of a recipe of heads or of a
    whole network."""
    of_network = recipe.get("age_balance", 0) if head == AGE.name else 0
    return float(recipe.get("balance", of_network))


def _crops(examples: Sequence[Example], size: int) -> np.ndarray:
    from vision.data.crop_files import read_example

    return np.stack([read_example(one, size) for one in examples])
