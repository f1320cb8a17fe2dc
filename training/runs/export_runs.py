"""Exports in the background: all versions that estimate something and have none yet."""

from training.jobs import lifecycle
from training.jobs.lifecycle import Reporter
from training.models import ExportRun, ModelVersion
from training.registry.stored_bundles import bundle_path, load_version, store
from training.registry.versions import has_export
from vision.bundles.export import write_export
from vision.diskspace import full_disk_in_words
from vision.errors import BundleError
from vision.messages import Message, several


def queue_where_due() -> bool:
    """After an upgrade: let whatever is not exported be. Whether there was anything."""
    return lifecycle.create_where_due(ExportRun, is_due=bool(_waiting()))


def work(pk: int) -> None:
    """Do an export that waits, if it still does."""
    if run := lifecycle.take(ExportRun, pk):
        lifecycle.execute(run, _work)


def _work(reporter: Reporter) -> Message:
    versions, failed = _waiting(), []
    for number, version in enumerate(versions):
        reporter("export", number, len(versions))
        try:
            _export(version)
        except BundleError as error:
            failed.append(Message("not_exported", {"name": version.name, "reason": error.message}))
    return several([Message("exported", {"count": len(versions) - len(failed)}), *failed])


def _waiting() -> list[ModelVersion]:
    """The versions that are to be exported, the one that serves first."""
    rows = ModelVersion.objects.order_by("-is_active", "pk").defer("report")
    return [one for one in rows if one.manifest.get("heads") and not has_export(one)]


def _export(version: ModelVersion) -> None:
    """Raises BundleError's kinds, DiskFull and StorageSilent."""
    bundle, folder = load_version(version), bundle_path(version)
    try:
        with full_disk_in_words():
            write_export(folder, bundle)
    except OSError as error:
        raise BundleError("not_written", name=folder.name) from error
    ModelVersion.objects.filter(pk=version.pk).update(files=store(folder))
