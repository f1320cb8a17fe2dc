"""Looking for near copies among all contents, whatever dataset shows them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from django.db import transaction
from django.db.models import Exists, F, OuterRef
from numpy.typing import NDArray

from training.models import Content, Dataset, Sample
from vision.data.near_copies import THUMBNAIL, Look, are_copies, candidates, look_at, mirrored

from . import contents, stored_contents
from .contents import of_sample
from .judging import judge
from .revisions import move_on

Progress = Callable[[str, int, int], None]

_BLOCK = 128  # contents whose copies are committed together; a kill costs the work of one block
_THREADS = 2
# Thumbnails that are kept in memory, a good 2 kB each.
_MOST_THUMBNAILS = 100_000

_NOTHING = Look(np.zeros((2, 5), np.uint64), np.zeros((THUMBNAIL, THUMBNAIL), np.uint8))


def waiting(dataset: Dataset) -> int:
    """How many images of a dataset have not been compared with the others yet."""
    if not Content.objects.filter(compared=False).exists():
        return 0
    new = Content.objects.filter(digest=OuterRef("digest"), compared=False)
    return dataset.samples.filter(Exists(new)).count()


def find_copies(on_progress: Progress) -> None:
    """Compare every content that is new with all others, and judge the datasets this concerns.

    Run again, it goes on where it was cut off. Raises whatever `on_progress` raises.
    """
    columns = ("pk", "digest", "perceptual_hash", "compared", "is_stored")
    search = _Search(list(Content.objects.order_by("pk").values_list(*columns)))
    done, total = 0, len(search.pending)
    on_progress("copies", 0, total)
    for start in range(0, total, _BLOCK):
        block = search.pending[start : start + _BLOCK]
        pairs = search.copies_of(block)
        with transaction.atomic():
            contents.join(pairs)
            compared = [search.keys[index] for index in block]
            Content.objects.filter(pk__in=compared).update(compared=True)
        done += len(block)
        on_progress("copies", done, total)
    for dataset in _ill_judged():
        judge(dataset)
        move_on(dataset)


def _ill_judged() -> list[Dataset]:
    """The datasets with images whose groups are not those of their contents."""
    pictures = Sample.objects.exclude(digest="").annotate(picture=of_sample("group", F("group")))
    wrong = pictures.exclude(group=F("picture")).order_by().values("dataset").distinct()
    return list(Dataset.objects.filter(pk__in=wrong))


class _Search:
    """All contents in the order they came, and the thumbnails of those looked at lately.

    Those that another machine imports at this moment wait until they are stored.
    """

    def __init__(self, rows: Sequence[tuple[int, str, str, bool, bool]]) -> None:
        self.keys = [key for key, *_ in rows]
        self._compared = np.array([row[3] for row in rows], np.bool_)
        new = np.flatnonzero(~self._compared).tolist()
        self.pending = [
            index for index in new if rows[index][4] or stored_contents.is_in_reach(rows[index][1])
        ]
        self._settled = int(self._compared.nonzero()[0].max(initial=-1)) + 1
        self._digests = [digest for _, digest, *_ in rows]
        self._hashes = np.array([int(row[2], 16) for row in rows], np.uint64)
        self._looks: dict[int, Look] = {}

    def copies_of(self, block: Sequence[int]) -> list[tuple[int, int]]:
        """The pairs of keys of a block's contents and of near copies of them, those aside that
        come later and whose own turn it will be."""
        looks = self._look_at(block)
        plain, flipped = np.stack([look.hashes for look in looks], axis=1)
        thumbnails = np.stack([look.thumbnail for look in looks])
        return [
            *self._confirmed(block, plain, thumbnails),
            *self._confirmed(block, flipped, mirrored(thumbnails)),
        ]

    def _confirmed(
        self, block: Sequence[int], hashes: NDArray[np.uint64], thumbnails: NDArray[np.uint8]
    ) -> list[tuple[int, int]]:
        pairs = candidates(hashes, self._hashes[: max(block[-1], self._settled)])
        ones, others = np.array(block)[pairs[:, 0]], pairs[:, 1]
        pairs = pairs[(others < ones) | self._compared[others]]
        if not len(pairs):
            return []
        others, rows = np.unique(pairs[:, 1], return_inverse=True)
        theirs = np.stack([look.thumbnail for look in self._look_at(others.tolist())])
        same = are_copies(thumbnails, theirs, np.stack([pairs[:, 0], rows], axis=1))
        return [(self.keys[block[one]], self.keys[other]) for one, other in pairs[same].tolist()]

    def _look_at(self, indices: Sequence[int]) -> list[Look]:
        missing = [index for index in indices if index not in self._looks]
        if len(self._looks) + len(missing) > _MOST_THUMBNAILS:
            self._looks.clear()
            missing = list(indices)
        with ThreadPoolExecutor(_THREADS) as pool:
            self._looks |= zip(missing, pool.map(self._read, missing), strict=True)
        return [self._looks[index] for index in indices]

    def _read(self, index: int) -> Look:
        """A content whose file is gone is like nothing: its datasets are gone as well."""
        try:
            return look_at(stored_contents.read(self._digests[index]))
        except OSError:
            return _NOTHING
