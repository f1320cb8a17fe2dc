"""Where the images of datasets lie: once per content, under its SHA-256."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from django.conf import settings

from training.models import ExamImage, Sample
from vision.data.labelled_files import LabelledFile
from vision.data.utkface import Example


def path_of(digest: str) -> Path:
    """The file of a content, whether it is there or not."""
    root: Path = settings.DATASET_ROOT
    return root / digest[:2] / digest


def keep(data: bytes) -> str:
    """Store a content once; its SHA-256 in hexadecimal. A file is there whole or not at all."""
    digest = hashlib.sha256(data).hexdigest()
    path = path_of(digest)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, unfinished = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(unfinished).replace(path)
    return digest


def forget_orphans() -> int:
    """Delete the files that no dataset shows any more, an exam's aside; how many there were."""
    root: Path = settings.DATASET_ROOT
    used = set(Sample.objects.exclude(digest="").values_list("digest", flat=True).distinct())
    used |= set(ExamImage.objects.values_list("digest", flat=True))
    orphans = [file for file in root.glob("??/*") if file.name not in used]
    for file in orphans:
        file.unlink(missing_ok=True)
    return len(orphans)


class ExampleFiles:
    """Examples as files, named by their digests, read anew whenever they are gone through.

    A file that is gone is empty, and so as unreadable as a broken one.
    """

    def __init__(self, examples: Sequence[Example]) -> None:
        self._examples = examples

    def __iter__(self) -> Iterator[LabelledFile]:
        for example in self._examples:
            data = example.path.read_bytes() if example.path.is_file() else b""
            yield LabelledFile(example.digest, data, example.labels)
