"""The files of model versions where every machine finds them, and this machine's copies of them.

A version's row names its files with their checksums once all of them are stored; nothing else
counts. Until then it lies on the machine that made it, and serves there.
"""

import logging
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from django.conf import settings
from django.core.files import File
from django.utils import timezone

from training import shared_files
from training.models import ModelVersion
from training.models.versions import BundleFiles, StoredFile
from training.shared_files import MODELS, FileLost, StorageSilent
from vision.bundles.bundle import MANIFEST, Bundle, load_bundle, read_manifest
from vision.bundles.export import FILES as EXPORT
from vision.bundles.export import read_export
from vision.errors import BundleAway, BundleCorrupt, BundleError, BundleMissing

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Files are stored a moment before the row of their version; nothing takes an hour to do so.
SETTLED = timedelta(hours=1)


def bundle_path(version: ModelVersion) -> Path:
    """Where this machine has a version's bundle, or would have it."""
    root: Path = settings.MODEL_ROOT
    return root / version.bundle


def store(folder: Path) -> BundleFiles:
    """Store every file of a bundle; what is to be known of them, empty where the data folder is
    all there is. Raises StorageSilent and OSError."""
    if not shared_files.are_elsewhere():
        return {}
    stored: BundleFiles = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            digest = shared_files.digest_of(path)
            with path.open("rb") as file:
                shared_files.put(MODELS, digest, File(file))
            stored[path.name] = {"bytes": path.stat().st_size, "sha256": digest}
    return stored


def store_if_possible(folder: Path) -> BundleFiles:
    """As `store`; empty, too, where the storage takes nothing now: `store_waiting` comes back."""
    try:
        return store(folder)
    except StorageSilent as error:
        logger.warning("“%s” is not stored yet: %s", folder.name, error.__cause__)
        return {}


def store_waiting() -> int:
    """Store the versions that lie on this machine alone; how many those were.

    They are of before there was a storage, or it was away. Raises StorageSilent and OSError.
    """
    if not shared_files.are_elsewhere():
        return 0
    count = 0
    for version in ModelVersion.objects.filter(files={}).defer("report"):
        if _is_whole(version) and (files := store(bundle_path(version))):
            count += ModelVersion.objects.filter(pk=version.pk, files={}).update(files=files)
    return count


def store_again() -> int:
    """Store whatever the storage lacks of the versions that this machine has; how many versions it
    has. Raises StorageSilent and OSError."""
    here = [one for one in ModelVersion.objects.defer("report") if _is_whole(one)]
    for version in here:
        ModelVersion.objects.filter(pk=version.pk).update(files=store(bundle_path(version)))
    return len(here)


def _is_whole(version: ModelVersion) -> bool:
    """Whether this machine has a version's bundle, and not another's of that name."""
    folder = bundle_path(version)
    try:
        if read_manifest(folder)["files"] != version.manifest.get("files"):
            return False
        bundle = load_bundle(folder)
    except BundleError:
        return False
    read_export(folder, bundle.manifest)  # which removes one that is none
    return True


def bundle_here(
    version: ModelVersion, names: Collection[str] | None = None, *, anew: bool = False
) -> Path:
    """The folder of a version's bundle on this machine, with its files, or those that are named.

    What is missing is fetched; with `anew`, also what has the right size and not the right content.
    An export that the storage has lost is done without, unless it is named, until it is made again.
    Raises BundleMissing and BundleAway.
    """
    folder = bundle_path(version)
    if not shared_files.are_elsewhere():
        return folder
    if not version.files:
        if not (folder / MANIFEST).is_file():
            raise BundleMissing("not_stored", name=version.name)
        return folder
    # The manifest last: with it the bundle is there.
    for name, file in sorted(version.files.items(), key=lambda item: item[0] == MANIFEST):
        if names is None or name in names:
            try:
                _have(version, file, folder / name, anew=anew)
            except BundleMissing:
                if names is not None or name not in EXPORT:
                    raise
                _forget_export(version)
    return folder


def _forget_export(version: ModelVersion) -> None:
    logger.warning("The export of “%s” is lost; a job makes it again.", version.name)
    version.files = {name: file for name, file in version.files.items() if name not in EXPORT}
    ModelVersion.objects.filter(pk=version.pk).update(files=version.files)


def with_bundle(version: ModelVersion, use: Callable[[Path], T]) -> T:
    """What `use` makes of the folder of a version's bundle; where it finds a copy damaged, that of
    one fetched anew. Raises what it raises, BundleMissing and BundleAway."""
    try:
        return use(bundle_here(version))
    except BundleCorrupt:
        return use(bundle_here(version, anew=True))


def load_version(version: ModelVersion) -> Bundle:
    """The verified bundle of a version. Raises `vision.errors.BundleError`'s kinds."""
    return with_bundle(version, load_bundle)


def orphans() -> Iterator[str]:
    """The stored files, older than an hour, that no version has."""
    rows = ModelVersion.objects.values_list("files", flat=True)
    named = {record["sha256"] for files in rows for record in files.values()}
    before = timezone.now() - SETTLED
    for digest in shared_files.names(MODELS):
        if digest not in named and shared_files.is_older(MODELS, digest, before):
            yield digest


def forget_orphans() -> int:
    """Delete the files of `orphans`; how many there were. Raises StorageSilent."""
    if not shared_files.are_elsewhere():
        return 0
    unused = list(orphans())
    for digest in unused:
        shared_files.delete(MODELS, digest)
    return len(unused)


def _have(version: ModelVersion, file: StoredFile, path: Path, *, anew: bool) -> None:
    is_here = path.is_file() and path.stat().st_size == file["bytes"]
    if is_here and not (anew and shared_files.digest_of(path) != file["sha256"]):
        return
    try:
        shared_files.fetch(MODELS, file["sha256"], path)
    except FileLost as error:
        raise BundleMissing("lost", name=version.name) from error
    except StorageSilent as error:
        logger.warning("“%s” cannot be fetched: %s", version.name, error.__cause__)
        raise BundleAway(name=version.name) from error
    logger.info("Fetched “%s” of the model version “%s”.", path.name, version.name)
