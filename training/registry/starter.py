"""The model that ships: registered, and let serve where nobody has chosen another."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType

from training.models import ModelVersion
from vision.bundles.bundle import WEIGHTS, read_manifest
from vision.errors import BundleCorrupt, BundleError

from .versions import ACTIVATED, activate_version, active_version, register_bundle

# The weights of every starter there was, by SHA-256; two may have the same.
SHIPPED: dict[str, str] = {
    "starter-1": "68175c090cb0cfdd099e8bf6f9bb4babd3746d008777ae2fdc6890fe1332bb01",
    "starter-2": "d160c30f1d1775c5a39bf5199b16579afd534cb709c3f5f36324504102183d90",
    "starter-3": "7e0abc63142359349821be9e526a8ff33af1f3e4acb3af1cb3acb1a0aaa9759e",
    "starter-4": "dd49388a6e8c6eefbfe69e43f33fc3403c702b3c6add8f2c5948c84192458e33",
    "starter-5": "b93a5355bb00b2fd3be711325e305e21999b1033bbaae52cab0fdca7c9531ed3",
    "starter-6": "87a397e6f07190e58650bf04976c4a5b999b9a1109ae56ce8f2a8d6700fb4b38",
    "starter-7": "87a397e6f07190e58650bf04976c4a5b999b9a1109ae56ce8f2a8d6700fb4b38",
    "starter-8": "87a397e6f07190e58650bf04976c4a5b999b9a1109ae56ce8f2a8d6700fb4b38",
    "starter-9": "87a397e6f07190e58650bf04976c4a5b999b9a1109ae56ce8f2a8d6700fb4b38",
    "starter-10": "30042ba5cfb00e30de620187484a50bc6b463475fb5980d625c5089da7ec8cac",
}


def register_starter() -> str:
    """Register the starter where that is not done; what was done, in a sentence.

    It serves where no version does, and takes over from an older starter that nobody has chosen:
    once, so that who goes back stays there. Raises BundleError; what serves then goes on.
    """
    starter, serving = waiting_starter(), active_version()
    name = _manifest()["name"]
    _complete_facts()
    if starter is None and ModelVersion.objects.filter(name=name).exists():
        return f"The model {name} is registered already."
    if starter is None:
        starter = register_bundle(settings.STARTER_BUNDLE, name, report=_report())
    if serving is None or _nobody_chose(serving):
        activate_version(starter)
        instead = f" instead of {serving.name}, which is there to go back to" if serving else ""
        return f"Registered the model {name}, which serves now{instead}."
    return (
        f"The model {name} is registered and waits to be activated in the admin; until then "
        f"{serving.name} serves on."
    )


def _complete_facts() -> None:
    """Give the starter, registered by an earlier release, what its manifest and its report have
    come to tell since.

    Raises BundleCorrupt.
    """
    manifest = _manifest()
    version = ModelVersion.objects.filter(name=manifest["name"]).first()
    if version and version.manifest.get("files") == manifest["files"]:
        facts = {"manifest": manifest, "report": _report()}
        newer = {
            name: now for name, now in facts.items() if getattr(version, name).keys() < now.keys()
        }
        if newer:
            ModelVersion.objects.filter(pk=version.pk).update(**newer)


def waiting_starter() -> ModelVersion | None:
    """The starter that ships, where it is registered and has never served."""
    try:
        name = _manifest()["name"]
    except BundleError:
        return None
    never = ModelVersion.objects.filter(name=name, activated_at__isnull=True)
    return never.defer("report").first()


def _nobody_chose(version: ModelVersion) -> bool:
    """Whether a version is an older starter that no person is logged to have let serve."""
    sums = version.manifest.get("files", {}).get(WEIGHTS, {})
    if SHIPPED.get(version.manifest.get("name", "")) != sums.get("sha256"):
        return False
    activations = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(ModelVersion),
        object_id=str(version.pk),
        change_message=ACTIVATED,
    )
    return not activations.exists()


def _manifest() -> dict[str, Any]:
    return read_manifest(settings.STARTER_BUNDLE)


def _report() -> dict[str, Any]:
    """Its report (`vision.evaluation.report`), which lies beside it. Raises BundleCorrupt."""
    file: Path = settings.STARTER_BUNDLE / "report.json"
    try:
        report: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise BundleCorrupt("starter_report") from error
    return report
