"""How much room the photos that are kept take, and whether there is any for another."""

import threading
import time
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, Sum
from django.db.models.fields.files import FieldFile

from vision.diskspace import in_words

from .models import Photo

_NEARLY = 0.9
# Seconds for which a process does not count again what others have added; fewer near the bound.
_FRESH, _FRESH_NEAR = 30.0, 1.0


@dataclass(frozen=True)
class Kept:
    """Photos that are kept, and what they and their thumbnails take, in bytes."""

    photos: int
    bytes: int

    @property
    def is_all_that_may_be(self) -> bool:
        return 0 < settings.MEDIA_BYTES <= self.bytes

    @property
    def is_nearly_all(self) -> bool:
        return 0 < settings.MEDIA_BYTES <= self.bytes / _NEARLY

    def __str__(self) -> str:
        words = f"{self.photos} photos take {in_words(self.bytes)}"
        return f"{words} of {in_words(settings.MEDIA_BYTES)}" if settings.MEDIA_BYTES else words


class _Count:
    """The sum over all photos, made now and then; added to by this process meanwhile."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted_at = float("-inf")
        self._kept = Kept(0, 0)

    def now(self) -> Kept:
        with self._lock:
            fresh = _FRESH_NEAR if self._kept.is_nearly_all else _FRESH
            if time.monotonic() - self._counted_at > fresh:
                # Read from the index of `bytes` alone.
                sums = Photo.objects.aggregate(photos=Count("*"), size=Sum("bytes"))
                self._kept = Kept(sums["photos"], sums["size"] or 0)
                self._counted_at = time.monotonic()
            return self._kept

    def add(self, size: int) -> None:
        with self._lock:
            self._kept = Kept(self._kept.photos + 1, self._kept.bytes + size)

    def forget(self) -> None:
        with self._lock:
            self._counted_at = float("-inf")


_count = _Count()
kept = _count.now
"""What is kept, as this process last counted it."""
add = _count.add
"""A photo of so many bytes is kept from now on."""
forget = _count.forget
"""Have the next question counted anew."""


def measure() -> None:
    """Find out what photos take of which it was never written down: those of earlier versions."""
    for photo in Photo.objects.filter(bytes=None).iterator():
        size = _size(photo.image) + _size(photo.thumbnail)
        Photo.objects.filter(pk=photo.pk).update(bytes=size)


def _size(file: FieldFile) -> int:
    try:
        return int(file.size)
    except (FileNotFoundError, ValueError):  # deleted meanwhile; without a name
        return 0
