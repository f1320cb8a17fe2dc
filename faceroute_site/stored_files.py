"""Whether the files of photos and datasets and the rows that name them belong together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.conf import settings
from django.core.files.storage import default_storage
from django.utils import timezone

from predictions import expiry
from predictions.models import Photo
from training.datasets import example_files
from training.models import ExamImage, Sample


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
    paths = [example_files.path_of(digest) for (digest,) in shown.union(examined).iterator()]
    return Findings(
        named=len(paths),
        stored=sum(file.is_file() for file in root.glob("??/*")),
        without_row=sorted(str(file.relative_to(root)) for file in example_files.orphans()),
        without_file=sorted(str(path.relative_to(root)) for path in paths if not path.is_file()),
    )


KINDS = {
    "photos": Kind(_look_at_photos, lambda: expiry.sweep_orphans(timezone.now())),
    "datasets": Kind(_look_at_datasets, example_files.forget_orphans),
}
