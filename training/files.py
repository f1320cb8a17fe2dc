"""Where the images of datasets lie: once per content, under its SHA-256."""

import hashlib
import os
import tempfile
from pathlib import Path

from django.conf import settings

from .models import Sample


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
    """Delete the files that no dataset shows any more; how many there were."""
    root: Path = settings.DATASET_ROOT
    used = set(Sample.objects.exclude(digest="").values_list("digest", flat=True).distinct())
    orphans = [file for file in root.glob("??/*") if file.name not in used]
    for file in orphans:
        file.unlink(missing_ok=True)
    return len(orphans)
