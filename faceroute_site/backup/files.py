"""Which files belong to the rows of a database, and where they lie."""

import io
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from predictions.models import Photo
from training import shared_files
from training.datasets import example_files as contents
from training.datasets import mean_faces
from training.models import Dataset, ExamImage, ModelVersion, Sample
from training.models.versions import BundleFiles
from training.shared_files import FileLost, are_elsewhere
from vision.bundles.bundle import MANIFEST

from .archive import DATASETS, MEDIA, MODELS, SECRET_KEY

_STORED = ("training", "0025_stored_files")  # since it, rows name the stored files of bundles


class Source(NamedTuple):
    """A file to be copied, open, and how many bytes it has."""

    file: IO[bytes]
    size: int


def named_files(alias: str, *, media: bool) -> Iterator[str]:
    """The names in an archive of all files that the rows of a database stand for, there or not.

    No columns are read but those that name files, so that it may be one that waits for migrations.
    """
    bundles = ModelVersion.objects.using(alias).order_by("pk").values_list("bundle", flat=True)
    stored = _stored_bundles(alias)
    for bundle in bundles:
        yield from _bundle_files(bundle, stored.get(bundle, ()))
    for digest in _digests(alias):
        yield f"{DATASETS}/{contents.path_of(digest).relative_to(settings.DATASET_ROOT)}"
    for pk in Dataset.objects.using(alias).order_by("pk").values_list("pk", flat=True):
        yield from _mean_faces(Dataset(pk=pk))
    if media:
        photos = Photo.objects.using(alias).order_by("pk").values_list("image", "thumbnail")
        for names in photos.iterator():
            yield from (f"{MEDIA}/{name}" for name in names if name)


def own_secret_key() -> Path | None:
    """The file of the key that the site made for itself, where that is the one in use."""
    path: Path = settings.DATA_DIR / SECRET_KEY
    return path if path.is_file() and path.read_text() == settings.SECRET_KEY else None


def folders() -> dict[str, Path]:
    """Where on this machine lies what has a folder of its own in an archive."""
    places = {MODELS: settings.MODEL_ROOT, DATASETS: settings.DATASET_ROOT}
    return places | ({} if are_elsewhere() else {MEDIA: Path(settings.MEDIA_ROOT)})


def open_named(name: str) -> Source:
    """A file by its name in an archive. Raises FileNotFoundError where it is gone."""
    place, _, rest = name.partition("/")
    if place == MEDIA:
        stored = default_storage.open(rest)
        return Source(stored, stored.size)
    path = folders()[place] / rest
    if not path.is_file() and are_elsewhere():
        return _stored(place, rest)
    return Source(path.open("rb"), path.stat().st_size)


def _stored(place: str, rest: str) -> Source:
    """What this machine has no copy of. Raises FileNotFoundError."""
    digest = rest.rpartition("/")[2]
    if place == MODELS:
        bundle, _, name = rest.partition("/")
        digest = _stored_bundles("default").get(bundle, {}).get(name, {"sha256": ""})["sha256"]
    try:
        data = shared_files.read(place, digest)
    except FileLost as error:
        raise FileNotFoundError(rest) from error
    return Source(io.BytesIO(data), len(data))


def _stored_bundles(alias: str) -> dict[str, BundleFiles]:
    """Bundle → its stored files. None where the database is of before there was a storage."""
    if (
        not are_elsewhere()
        or _STORED not in MigrationRecorder(connections[alias]).applied_migrations()
    ):
        return {}
    return dict(ModelVersion.objects.using(alias).values_list("bundle", "files"))


def _bundle_files(bundle: str, stored: Collection[str]) -> Iterator[str]:
    """The manifest first: a list of what a version has learnt from may be added to a bundle
    meanwhile, and a manifest that does not name it yet lets it be."""
    folder = settings.MODEL_ROOT / bundle
    present = set(stored)
    with suppress(FileNotFoundError):
        present |= {path.name for path in folder.iterdir() if path.name[0] != "."}
    for name in (MANIFEST, *sorted(present - {MANIFEST})):
        yield f"{MODELS}/{bundle}/{name}"


def _digests(alias: str) -> Iterator[str]:
    shown = Sample.objects.using(alias).exclude(digest="").order_by().values_list("digest")
    examined = ExamImage.objects.using(alias).order_by().values_list("digest")
    return (digest for (digest,) in shown.union(examined).iterator())


def _mean_faces(dataset: Dataset) -> Iterator[str]:
    for path in mean_faces.folder_of(dataset.pk).glob("*.jpg"):
        yield f"{DATASETS}/{path.relative_to(settings.DATASET_ROOT)}"
