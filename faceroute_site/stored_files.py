"""Whether the files of photos, datasets and models and the rows that name them belong together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from django.conf import settings
from django.core.files.storage import default_storage
from django.utils import timezone

from predictions import expiry
from predictions.models import Photo
from training import shared_files
from training.datasets import example_files, stored_contents
from training.models import ExamImage, ModelVersion, Sample
from training.registry import stored_bundles
from training.shared_files import DATASETS, MODELS
from vision.bundles.bundle import MANIFEST


@dataclass(frozen=True)
class Findings:
    """What is wrong with the files of one kind: `without_row`, those older than an hour that no row
    names; `without_file`, those that rows name and that are not there.

    `named`: how many files rows name. `stored`: how many files there are.
    """

    named: int
    stored: int
    without_row: list[str]
    without_file: list[str]

    @property
    def doubt(self) -> str:
        """Why nothing may be deleted, in a sentence; empty where nothing speaks against it."""
        if self.named and len(self.without_file) == self.named:
            return (
                "None of the files that the database names is there: what they are kept in is out "
                "of reach, or empty. Please mount it, or restore it from a backup."
            )
        if self.stored and not self.named:
            return (
                f"The database names no such file, and there are {self.stored}: perhaps "
                "DATABASE_URL names another database than theirs."
            )
        return ""


@dataclass(frozen=True)
class Kind:
    """Files of one kind: how they are looked at, and how those without a row are deleted."""

    look: Callable[[], Findings]
    repair: Callable[[], int]


def _look_at_photos() -> Findings:
    stored = set(expiry.stored_files())
    names = set(_photo_names())
    # Photos may have come or gone since the files were listed.
    missing = [name for name in sorted(names - stored) if not default_storage.exists(name)]
    missing = sorted(set(missing) & set(_photo_names())) if missing else []
    orphans = [path for _storage, path in expiry.orphans(timezone.now())]
    return Findings(len(names), len(stored), orphans, missing)


def _photo_names() -> Iterator[str]:
    for names in Photo.objects.order_by().values_list("image", "thumbnail").iterator():
        yield from filter(None, names)


def _look_at_datasets() -> Findings:
    root = settings.DATASET_ROOT
    shown = Sample.objects.exclude(digest="").order_by().values_list("digest")
    examined = ExamImage.objects.order_by().values_list("digest")
    digests = {digest for (digest,) in shown.union(examined).iterator()}
    if shared_files.are_elsewhere():
        return _in_storage(DATASETS, digests, list(stored_contents.orphans()))
    paths = [example_files.path_of(digest) for digest in digests]
    return Findings(
        named=len(paths),
        stored=sum(file.is_file() for file in root.glob("??/*")),
        without_row=sorted(str(file.relative_to(root)) for file in example_files.orphans()),
        without_file=sorted(str(path.relative_to(root)) for path in paths if not path.is_file()),
    )


def _repair_datasets() -> int:
    if shared_files.are_elsewhere():
        return stored_contents.forget(list(stored_contents.orphans()))
    return example_files.forget_orphans()


def _look_at_models() -> Findings:
    versions = list(ModelVersion.objects.order_by("pk").defer("report"))
    if shared_files.are_elsewhere():
        named = {one["sha256"] for version in versions for one in version.files.values()}
        found = _in_storage(MODELS, named, list(stored_bundles.orphans()))
        not_stored = [f"{version.bundle}/" for version in versions if not version.files]
        return replace(found, without_file=found.without_file + not_stored)
    root = settings.MODEL_ROOT
    names = [file for version in versions for file in _bundle_files(version)]
    return Findings(
        named=len(names),
        stored=sum(file.is_file() for file in root.glob("*/*")),
        without_row=[],  # folders that no row names may be of registrations that go on
        without_file=[name for name in names if not (root / name).is_file()],
    )


def _bundle_files(version: ModelVersion) -> list[str]:
    return [f"{version.bundle}/{name}" for name in (MANIFEST, *version.manifest.get("files", ()))]


def _in_storage(place: str, digests: set[str], orphans: list[str]) -> Findings:
    stored = set(shared_files.names(place))
    return Findings(
        named=len(digests),
        stored=len(stored),
        without_row=sorted(f"{place}/{digest}" for digest in orphans),
        without_file=sorted(f"{place}/{digest}" for digest in digests - stored),
    )


KINDS = {
    "photos": Kind(_look_at_photos, lambda: expiry.sweep_orphans(timezone.now())),
    "datasets": Kind(_look_at_datasets, _repair_datasets),
    "models": Kind(_look_at_models, stored_bundles.forget_orphans),
}
