"""Exports in the background: all versions that estimate something and have none yet."""

from training.jobs import lifecycle
from training.jobs.lifecycle import Reporter
from training.models import ExportRun, ModelVersion
from training.registry.versions import bundle_path, lacks_export
from vision.bundles.bundle import load_bundle
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
        folder = bundle_path(version)
        try:
            with full_disk_in_words():
                write_export(folder, load_bundle(folder))
        except BundleError as error:
            failed.append(Message("not_exported", {"name": version.name, "reason": error.message}))
    return several([Message("exported", {"count": len(versions) - len(failed)}), *failed])


def _waiting() -> list[ModelVersion]:
    """The versions that are to be exported, the one that serves first."""
    rows = ModelVersion.objects.order_by("-is_active", "pk").defer("report")
    return [version for version in rows if lacks_export(bundle_path(version))]
