"""Training on a borrowed machine: packed from a dataset here, and brought home as a version."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.conf import settings

from training.datasets import curations, lineage
from training.exams.examinations import examine_waiting
from training.exams.freezing import settled_exam
from training.messages import TrainingError
from training.models import Dataset, ModelVersion
from training.registry.versions import check_name_is_free
from vision.bundles.bundle import Bundle
from vision.data.utkface import Curated
from vision.diskspace import full_disk_in_words, in_words, used_bytes
from vision.messages import Message, several
from vision.training.network_recipes import NetworkRecipe

from .publishing import registered, tested_on

if TYPE_CHECKING:
    from vision.offline.results import Result

OnProgress = Callable[[str, int, int], None]

_LABELS_BYTES = 2**20  # more than the labels and the list of files of a parcel take


class ParcelRefused(TrainingError):
    """No parcel can be packed, or what came back fits nothing here."""

    code = "parcel_refused"


@dataclass(frozen=True)
class Terms:
    """How a training is packed: the quality of the WebP images (1 to 100), how many bytes may
    travel at once, in `two` parcels where one is full, and whether `wheels` travel along."""

    quality: int = 80
    limit: int = 64 * 2**20
    two: bool = False
    wheels: bool = True


@dataclass(frozen=True)
class Packed:
    """The folders of a parcel, the bytes of each, and those of the repository that goes along."""

    folders: tuple[Path, ...]
    sizes: tuple[int, ...]
    tracked: int


def pack(
    dataset: Dataset,
    recipe: NetworkRecipe,
    folder: Path,
    terms: Terms,
    on_progress: OnProgress,
) -> Packed:
    """Pack what a training needs that the repository does not have.

    Raises ParcelRefused, DiskFull, NothingLeft, ExampleUnreadable, and what `on_progress` raises.
    """
    tracked = tracked_bytes(settings.BASE_DIR)
    _check_is_free(folder)
    lineage.bring_up_to_date(on_progress)
    settled_exam(dataset)
    curated = curations.curated(dataset, recipe.policy)
    curations.bring_here(curated, on_progress)
    unfinished = folder.with_name(f".{folder.name}-unfinished")
    _forget(unfinished)
    unfinished.mkdir(parents=True)
    try:
        with full_disk_in_words():
            _fill(
                unfinished,
                recipe,
                curated,
                terms,
                dataset=dataset.name,
                tracked=tracked,
                on_progress=on_progress,
            )
        written = [one for one in _both(unfinished) if one.exists()]
        sizes = tuple(map(used_bytes, written))
        _check_sizes(sizes, tracked, terms)
        folders = _both(folder)[: len(written)]
        for source, target in zip(written, folders, strict=True):
            source.rename(target)
        return Packed(folders, sizes, tracked)
    finally:
        _forget(unfinished)


def _fill(
    folder: Path,
    recipe: NetworkRecipe,
    curated: Curated,
    terms: Terms,
    *,
    dataset: str,
    tracked: int,
    on_progress: OnProgress,
) -> None:
    from vision.offline import parcel

    if terms.wheels:
        _fetch_wheels(folder / parcel.WHEELS)

    def report(done: int, total: int) -> None:
        on_progress("crops", done, total)

    images = parcel.encoded(curated, recipe.decoded_side, terms.quality, report)
    first = sum(map(len, images))
    if terms.two:
        first = terms.limit - tracked - used_bytes(folder) - _LABELS_BYTES
    parcel.write_parcel(
        folder, recipe, curated, images, dataset=dataset, quality=terms.quality, first=first
    )


def _both(folder: Path) -> tuple[Path, Path]:
    from vision.offline.parcel import second_folder

    return folder, second_folder(folder)


def _forget(unfinished: Path) -> None:
    for one in _both(unfinished):
        shutil.rmtree(one, ignore_errors=True)


def _check_is_free(folder: Path) -> None:
    if taken := [one.name for one in _both(folder) if one.exists()]:
        raise ParcelRefused("folder", name=taken[0])


def _fetch_wheels(folder: Path) -> None:
    from vision.offline.wheels import WheelsUnusable, download

    try:
        download(folder)
    except WheelsUnusable as error:
        raise ParcelRefused("wheels", why=error.message) from error


def _check_sizes(sizes: tuple[int, ...], tracked: int, terms: Terms) -> None:
    for size in sizes:
        if size + tracked > terms.limit:
            raise ParcelRefused(
                "size",
                size=in_words(size),
                tracked=in_words(tracked),
                limit=in_words(terms.limit),
                advice=Message("advice.smaller" if terms.two else "advice.two"),
            )


def tracked_bytes(root: Path) -> int:
    """What the files that git tracks hold. Raises ParcelRefused where git knows none."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z"], capture_output=True, text=True, check=False
    )
    if listed.returncode:
        raise ParcelRefused("checkout")
    files = (root / name for name in listed.stdout.split("\0") if name)
    return sum(file.stat().st_size for file in files if file.is_file())


def bring_home(
    result_folder: Path, parcel_folder: Path, name: str, on_progress: OnProgress
) -> ModelVersion:
    """Make a version of what a training has left: calibrated, tested, with its list of what it
    has learnt from. It does not serve yet.

    Raises ParcelRefused where it was not this parcel that was trained on, or its data are not
    those of any dataset here; ParcelUnusable, ResultUnusable, BundleError and other kinds of
    VisionError. Imports TensorFlow.
    """
    from vision.offline.parcel import read_about
    from vision.offline.results import read_result

    check_name_is_free(name)
    about, fingerprint = read_about(parcel_folder)
    result = read_result(result_folder)
    if result.about["parcel"] != fingerprint:
        raise ParcelRefused("other_parcel")
    lineage.bring_up_to_date(on_progress)
    dataset, curated = _found_again(about["data"])
    curations.bring_here(curated, on_progress)
    bundle = _calibrated(result.bundle, curated, on_progress)
    made = replace(
        bundle,
        manifest={**bundle.manifest, "training": _training(result, about["quality"])},
        trained_on=lineage.of_training(curated, None),
    )
    exam = settled_exam(dataset)
    tested = tested_on(made, curated, dataset, exam, on_progress)
    version = registered(tested.saved(name), name, tested.findings)
    if exam:  # with whom it is to be compared
        examine_waiting(exam, on_progress)
    return version


def _found_again(data: dict[str, Any]) -> tuple[Dataset, Curated]:
    """The dataset that still selects what was packed. Raises ParcelRefused, NothingLeft."""
    named = Dataset.objects.filter(name=data["dataset"])
    for dataset in [*named, *Dataset.objects.exclude(name=data["dataset"])]:
        curated = curations.curated(dataset, data["recipe"])
        if curated.fingerprint == data["fingerprint"]:
            return dataset, curated
    raise ParcelRefused(_what_differs(data))


def _what_differs(data: dict[str, Any]) -> Message:
    before = Message("parcel_refused.trained_on", {"name": data["dataset"], **data["counts"]})
    dataset = Dataset.objects.filter(name=data["dataset"]).first()
    if dataset is None:
        return several([before, Message("parcel_refused.no_dataset")])
    curated = curations.curated(dataset, data["recipe"])
    now = {"train": len(curated.train), "validation": len(curated.validation)}
    return several([before, Message("parcel_refused.changed", now)])


def _calibrated(bundle: Bundle, curated: Curated, on_progress: OnProgress) -> Bundle:
    """By the images themselves, which are not as compressed as those in the parcel."""
    from vision.data.crop_files import read_example
    from vision.training.calibrating import calibrated_bundle

    on_progress("calibration", 0, 1)
    size = bundle.manifest["input_size"]
    crops = np.stack([read_example(one, size) for one in curated.validation])
    calibrated, _figures = calibrated_bundle(
        bundle, crops, [one.labels for one in curated.validation]
    )
    return calibrated


def _training(result: "Result", webp_quality: int) -> dict[str, Any]:
    about = result.about
    return {
        "recipe": about["recipe"],  # with the epochs that it had time for
        "seed": about["recipe"]["seed"],
        "trunk": None,
        "history": result.history,
        "libraries": {**about["libraries"], "numpy": metadata.version("numpy")},
        "device": about["device"],
        "seconds": about["seconds"],
        "complete": about["complete"],
        "webp_quality": webp_quality,
    }
