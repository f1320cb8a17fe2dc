"""A version to take away: its bundle or its export, zipped while it is sent, and its model card."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

from training.archives import Outlet
from training.exams.exam_store import current_exam, facts_of, figures_of
from training.models import ModelVersion
from training.registry.stored_bundles import bundle_here
from training.registry.versions import has_export
from vision.bundles.bundle import MANIFEST, WEIGHTS
from vision.bundles.export import ABOUT, GRAPH, read_export
from vision.errors import BundleError, BundleMissing

from .model_cards import exam_section, model_card, with_exam

CARD = "MODEL_CARD.md"
_CHUNK = 2**20


def card_of(version: ModelVersion) -> str:
    """The model card that lies in the bundle, or else one written now, with what the exam says."""
    try:
        card = (bundle_here(version, [CARD]) / CARD).read_text()
    except (BundleError, OSError):
        card = model_card({**version.manifest, "name": version.name}, version.report)
    exam, figures = current_exam(), figures_of(version)
    if exam is None or figures is None:
        return card
    return with_exam(card, exam_section(facts_of(exam), figures))


def zipped_bundle(version: ModelVersion) -> Iterator[bytes]:
    """A zip with one folder, the bundle with its card, in chunks of about a megabyte.

    Raises BundleMissing at once where the bundle is not whole, and BundleAway.
    """
    folder = bundle_here(version)
    files = [
        folder / MANIFEST,
        *(folder / name for name in version.manifest.get("files", [WEIGHTS])),
    ]
    if not all(file.is_file() for file in files):
        raise BundleMissing("files", name=version.name)
    return _zip(version.bundle, files, card_of(version))


def zipped_export(version: ModelVersion) -> Iterator[bytes]:
    """As `zipped_bundle`, of the version's export. Raises BundleMissing where it has none."""
    if not has_export(version):
        raise BundleMissing("export", name=version.name)
    folder = bundle_here(version, [ABOUT, GRAPH])
    if read_export(folder, version.manifest) is None:
        raise BundleMissing("export", name=version.name)
    return _zip(f"{version.bundle}-onnx", [folder / ABOUT, folder / GRAPH], card_of(version))


def _zip(folder: str, files: list[Path], card: str) -> Iterator[bytes]:
    outlet = Outlet()
    # Stored, not compressed: weights hardly shrink.
    with zipfile.ZipFile(outlet, "w") as archive:
        archive.writestr(f"{folder}/{CARD}", card)
        for file in files:
            name = f"{folder}/{file.name}"
            with archive.open(name, "w", force_zip64=True) as member, file.open("rb") as source:
                while chunk := source.read(_CHUNK):
                    member.write(chunk)
                    yield outlet.taken()
    yield outlet.taken()
