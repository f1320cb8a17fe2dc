"""What was trained before contents had splits of their own: found out from what it recorded."""

from collections.abc import Collection
from contextlib import suppress
from typing import Any

from django.conf import settings

from training.models import Dataset, JobState, ModelVersion, TrainingRun
from training.registry.stored_bundles import bundle_here, store
from training.registry.versions import trained_on
from vision.bundles import trained_on as lists
from vision.bundles.bundle import add_trained_on, read_manifest, read_trained_on
from vision.bundles.trained_on import TrainedOn
from vision.data.cleaning import COPY_REASONS, Reason
from vision.data.former_splits import FormerImage, former_selection
from vision.data.selection import POLICIES, NothingLeft, Selection
from vision.data.utkface import Curated, utkface_labels
from vision.errors import BundleError

from . import contents, example_files


def curated(dataset: Dataset, policy: str) -> Curated:
    """What a policy selected of a dataset, as trainings that were begun then had it.

    Its contents keep to the splits that they had. Raises NothingLeft.
    """
    selection = former_selection(POLICIES[policy], _images(dataset))
    _keep_splits(selection)
    return selection.curated(example_files.path_of)


def tell_versions() -> None:
    """Find out what registered versions without a list of what they learnt from were trained on.

    It can be told where a dataset is still as a version's manifest has it, and where the starter
    that ships has learnt from the same. What they learnt from and validated on stays with that.
    """
    rows = ModelVersion.objects.order_by("pk").defer("report")
    untold = [version for version in rows if "trained_on" not in version.manifest]
    wanted = {_selection_of(version) for version in untold} - {""}
    if not wanted:
        return
    known = _found_again(wanted) | _of_starter()
    for version in untold:
        learnt = known.get(_selection_of(version))
        if learnt is not None:
            _tell(version, learnt | _of_backbone(version, learnt))


def keep_begun() -> None:
    """Let the images of trainings that were begun then, and may go on, be learnt from by them."""
    begun = TrainingRun.objects.filter(former_splits=True).exclude(state=JobState.DONE)
    for run in begun.select_related("dataset"):
        with suppress(NothingLeft):
            curated(run.own_dataset, run.recipe["curation"])


def _selection_of(version: ModelVersion) -> str:
    """What names the images that a version was trained on: a fingerprint, or the first starter's
    sentence."""
    data = version.manifest.get("data", {})
    return str(data.get("fingerprint") or data.get("split") or "")


def _found_again(wanted: Collection[str]) -> dict[str, TrainedOn]:
    """The wanted selections, by their fingerprints, that datasets still give."""
    found = {}
    for dataset in Dataset.objects.all():
        images = _images(dataset)
        for policy in POLICIES.values():
            selection = former_selection(policy, images)
            if (fingerprint := selection.fingerprint) in wanted:
                _keep_splits(selection)
                digests = [c.digest for c, split in selection.chosen if split == "train"]
                hashes = contents.hashes_of(digests)
                found[fingerprint] = lists.of_examples(digests, hashes, fingerprint)
    return found


def _of_starter() -> dict[str, TrainedOn]:
    """What the starter that ships has learnt from, under each selection that it descends from."""
    folder = settings.STARTER_BUNDLE
    try:
        learnt = read_trained_on(folder, read_manifest(folder))
    except BundleError:
        return {}
    return {} if learnt is None else dict.fromkeys(learnt.selections, learnt)


def _of_backbone(version: ModelVersion, own: TrainedOn) -> TrainedOn:
    """What the version has learnt from by way of the backbone that it went on from."""
    backbone = version.manifest.get("training", {}).get("trunk")
    if not backbone or len(own.selections) > 1:  # the starter's, all the way back
        return TrainedOn()
    before = ModelVersion.objects.filter(name=backbone["version"]).first()
    learnt = trained_on(before) if before else None
    return TrainedOn(unknown=(backbone["version"],)) if learnt is None else learnt


def _tell(version: ModelVersion, learnt: TrainedOn) -> None:
    try:
        folder = bundle_here(version)
        manifest = add_trained_on(folder, learnt)
    except BundleError:
        return  # broken in itself, which serving it would say
    files = store(folder)
    ModelVersion.objects.filter(pk=version.pk).update(manifest=manifest, files=files)
    # It may have been asked about images that it has learnt from.
    version.outcomes.all().delete()


def _keep_splits(selection: Selection) -> None:
    for split in ("train", "validation"):
        digests = [c.digest for c, dealt in selection.chosen if dealt == split]
        contents.move_towards_learning(digests, split)


def _images(dataset: Dataset) -> list[FormerImage]:
    columns = (
        "name", "digest", "age", "gender", "race", "found", "override", "perceptual_hash", "bucket",
    )  # fmt: skip
    # Nothing was added by senders then.
    samples = dataset.samples.filter(sender="")
    return [_image(row) for row in samples.values_list(*columns, named=True)]


def _image(row: Any) -> FormerImage:
    labelled = None not in (row.age, row.gender, row.race)
    return FormerImage(
        name=row.name,
        digest=row.digest,
        labels=utkface_labels(row.age, row.gender, row.race) if labelled else None,
        refused=Reason(row.found) if row.found and row.found not in COPY_REASONS else None,
        override=row.override,
        perceptual_hash=int(row.perceptual_hash or "0", 16),
        bucket=row.bucket,
    )
