"""Which model versions there are and which one serves."""

import logging
from collections.abc import Iterator, Mapping
from itertools import chain, count
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.text import slugify

from training.models import ModelVersion
from vision.bundles.bundle import (
    TRAINED_ON,
    copy_bundle,
    load_bundle,
    read_manifest,
    read_trained_on,
)
from vision.bundles.export import ABOUT, GRAPH, is_exported, write_export
from vision.bundles.trained_on import TrainedOn
from vision.errors import BundleAway, BundleError, BundleMissing

from .stored_bundles import bundle_here, load_version, store_if_possible

logger = logging.getLogger(__name__)

# What the administration's log says where a person let a version serve.
ACTIVATED = "Activated."


def trained_on(version: ModelVersion) -> TrainedOn | None:
    """What a version has learnt from, all the way back; None where that cannot be told.

    Raises BundleAway, where it can be told later.
    """
    try:
        return read_trained_on(bundle_here(version, [TRAINED_ON]), version.manifest)
    except BundleAway:
        raise
    except BundleError:
        return None


def active_version() -> ModelVersion | None:
    """The version that serves predictions now, if any; its long report is read when asked for."""
    return ModelVersion.objects.filter(is_active=True).defer("report").first()


def serving_name() -> str:
    """The name of the version that serves predictions now; empty where none does."""
    names = ModelVersion.objects.filter(is_active=True).values_list("name", flat=True)
    return names.first() or ""


def free_name(wanted: str) -> str:
    """A name no version has: the wanted one, or that with a number behind it."""
    taken = Q(name__startswith=wanted) | Q(bundle__startswith=slugify(wanted))
    rows = ModelVersion.objects.filter(taken).values_list("name", "bundle")
    names = {name for row in rows for name in row}
    candidates = chain([wanted], (f"{wanted}-{number}" for number in count(2)))
    return next(name for name in candidates if not {name, slugify(name)} & names)


def check_name_is_free(name: str) -> None:
    """Raises BundleError where a version, or its folder, is called so."""
    if ModelVersion.objects.filter(Q(name=name) | Q(bundle=slugify(name))).exists():
        raise BundleError("name_taken", name=name)


def register_bundle(
    folder: Path, name: str, *, report: Mapping[str, Any] | None = None, activate: bool = False
) -> ModelVersion:
    """Verify a bundle, copy it under the model root, export and store it and make a version of it.

    `report` is what `vision.evaluation.report` says of it, where it was asked. Raises a
    `vision.errors.BundleError` for a bundle that cannot be used or a name in use.
    """
    target = settings.MODEL_ROOT / slugify(name)
    check_name_is_free(name)
    if target.exists():
        # Left by a registration that was killed before its row was written.
        manifest = load_bundle(target).manifest
        if manifest["files"] != read_manifest(folder)["files"]:
            raise BundleError("name_taken", name=name)
    else:
        manifest = copy_bundle(folder, target)
    export_if_possible(target)
    version = ModelVersion.objects.create(
        name=name,
        bundle=target.name,
        manifest=manifest,
        files=store_if_possible(target),
        report=dict(report or {}),
    )
    if activate:
        activate_version(version)
    return version


def has_export(version: ModelVersion) -> bool:
    """Whether a version has its export. Raises BundleAway."""
    graph = version.files.get(GRAPH)
    if version.files and not graph:
        return False
    try:
        folder = bundle_here(version, [ABOUT])
    except BundleMissing:
        return False
    return is_exported(folder, version.manifest, graph and graph["bytes"])


def export_if_possible(folder: Path) -> None:
    """Export the bundle in a folder where it estimates something and that is not done yet.

    A version is of use without its export too, so what stands against it is only logged.
    """
    try:
        manifest = read_manifest(folder)
        if manifest["heads"] and not is_exported(folder, manifest):
            write_export(folder, load_bundle(folder))
    except (BundleError, OSError) as error:
        logger.warning("“%s” is not exported: %s", folder.name, error)


def activate_version(version: ModelVersion) -> None:
    """Let a version serve from now on; running workers change over between two tasks.

    The bundle is verified first, so that a broken one never takes over, nor one that has no heads
    to estimate anything with. Raises BundleError.
    """
    if not load_version(version).manifest["heads"]:
        raise BundleError("backbone", name=version.name)
    with transaction.atomic():
        # Locking every version, always in one order, makes simultaneous activations queue up.
        rows = ModelVersion.objects.select_for_update().order_by("pk")
        previous = dict(rows.values_list("pk", "previous"))
        served = ModelVersion.objects.filter(is_active=True).values_list("pk", flat=True).first()
        if served and version.pk not in _way_back(served, previous):
            ModelVersion.objects.filter(pk=version.pk).update(previous=served)
        ModelVersion.objects.filter(is_active=True).update(is_active=False)
        ModelVersion.objects.filter(pk=version.pk).update(
            is_active=True, activated_at=timezone.now()
        )
    version.refresh_from_db()


def _way_back(served: int, previous: Mapping[int, int | None]) -> Iterator[int]:
    """A version, the one that it took over from, and so on.

    Activating one of these is going back: it keeps its own previous version, so that going back
    twice leads two versions back, not to and fro.
    """
    step: int | None = served
    while step is not None:
        yield step
        step = previous[step]


def earlier_versions(version: ModelVersion) -> Iterator[ModelVersion]:
    """What may serve where a version cannot: what it took over from, all the way back, and then
    whatever else has ever served, the last first."""
    rows = list(ModelVersion.objects.values_list("pk", "previous", "activated_at"))
    previous = {pk: before for pk, before, _ in rows}
    times = {pk: activated_at for pk, _, activated_at in rows if activated_at}
    by_time = sorted(times, key=times.__getitem__, reverse=True)
    for pk in dict.fromkeys([*_way_back(version.pk, previous), *by_time]):
        if pk != version.pk:
            yield from ModelVersion.objects.filter(pk=pk).defer("report")


def previous_version() -> ModelVersion | None:
    """The version that the present one took over from, if any: what to go back to."""
    active = ModelVersion.objects.filter(is_active=True).select_related("previous").first()
    return active.previous if active else None
