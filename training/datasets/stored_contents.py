"""The images of datasets where every machine finds them, and this machine's copies of them.

`Content.is_stored` says of which the storage has the file. On one machine, where the data folder is
all there is, nothing here does anything.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import TypeVar

from django.core.files.base import ContentFile
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from training import shared_files
from training.messages import TrainingError
from training.models import Content, ExamImage, ImportRun, JobState, Sample
from training.shared_files import DATASETS, FileLost, StorageSilent
from vision.diskspace import full_disk_in_words

from . import example_files
from .contents import batches
from .example_files import SETTLED, path_of

logger = logging.getLogger(__name__)

T = TypeVar("T")

_AT_ONCE = 16  # requests; each mostly waits
_CHUNK = 500


class ImagesMissing(TrainingError):
    """Images of a dataset are neither on this machine nor in the storage."""

    code = "images_missing"


def read(digest: str) -> bytes:
    """A content, from this machine or else the storage. Raises OSError where it is gone, and
    StorageSilent."""
    try:
        return path_of(digest).read_bytes()
    except FileNotFoundError:
        if not shared_files.are_elsewhere():
            raise
    try:
        return shared_files.read(DATASETS, digest)
    except FileLost as error:
        raise FileNotFoundError(digest) from error


def is_in_reach(digest: str) -> bool:
    """Whether a content that is not stored can be read here, as far as it can be read at all."""
    return path_of(digest).is_file() or not shared_files.are_elsewhere()


def bring_here(digests: Iterable[str], on_progress: Callable[[str, int, int], None]) -> None:
    """Have the files of contents on this machine, fetching those that it lacks.

    What was fetched is kept, whatever ends it. Raises ImagesMissing, StorageSilent, DiskFull and
    what `on_progress` raises.
    """
    if not shared_files.are_elsewhere():
        return
    missing = [digest for digest in dict.fromkeys(digests) if not path_of(digest).is_file()]
    lost = []
    for done, (digest, is_here) in enumerate(_at_once(_fetch, missing)):
        on_progress("images", done, len(missing))
        if not is_here:
            lost.append(digest)
    if lost:
        stored = Content.objects.filter(digest__in=lost[:_CHUNK], is_stored=True).exists()
        _look_again(lost)  # a machine that has them stores them again
        raise ImagesMissing("lost" if stored else "not_stored", count=len(lost))


def _fetch(digest: str) -> bool:
    """Whether this machine has a content now."""
    try:
        with full_disk_in_words():
            shared_files.fetch(DATASETS, digest, path_of(digest))
    except FileLost:
        return False
    return True


def store_waiting(on_progress: Callable[[str, int, int], None] = lambda *_: None) -> int:
    """Store the contents that lie on this machine and not in the storage; how many those were.

    Raises StorageSilent, OSError, and what `on_progress` raises.
    """
    if not shared_files.are_elsewhere():
        return 0
    waiting = list(_shown().filter(is_stored=False).order_by("pk").values_list("digest", flat=True))
    done = stored = 0
    for some in batches(waiting):
        here = [digest for digest, is_stored in _at_once(_store, some) if is_stored]
        Content.objects.filter(digest__in=here).update(is_stored=True)
        stored += len(here)
        # What was deleted, or taken back, meanwhile goes again.
        shown = set(_shown().filter(digest__in=here).values_list("digest", flat=True))
        _delete([digest for digest in here if digest not in shown])
        done += len(some)
        on_progress("storage", done, len(waiting))
    return stored


def _store(digest: str) -> bool:
    """Whether a content was here, whole, and is stored now."""
    try:
        data = path_of(digest).read_bytes()
    except FileNotFoundError:
        return False
    if hashlib.sha256(data).hexdigest() != digest:
        logger.warning("The file of the content %s is damaged here.", digest)
        return False
    shared_files.put(DATASETS, digest, ContentFile(data))
    return True


def store_if_possible(on_progress: Callable[[str, int, int], None]) -> None:
    """As `store_waiting`; where the storage takes nothing now, a worker comes back to it."""
    try:
        store_waiting(on_progress)
    except StorageSilent as error:
        logger.warning("Images are not stored yet: %s", error.__cause__)


def look_for_lost() -> None:
    """Find out of which contents the storage has lost the file since. Raises StorageSilent."""
    stored = set(shared_files.names(DATASETS))
    flagged = Content.objects.filter(is_stored=True).values_list("digest", flat=True)
    _look_again(set(flagged) - stored)


def put_back_anew(digests: Sequence[str]) -> int:
    """An import has brought contents that this machine lacked; how many were lost by that. Where
    there is a storage that is not known: it is looked into once more."""
    if not shared_files.are_elsewhere():
        return len(digests)
    _look_again(digests)
    return 0


def _look_again(digests: Iterable[str]) -> None:
    for some in batches(digests):
        Content.objects.filter(digest__in=some).update(is_stored=False)


def orphans() -> list[str]:
    """The stored contents, older than an hour, that neither a dataset nor an exam shows."""
    names = shared_files.names(DATASETS)
    return [digest for some in batches(names) for digest in _unused(some)]


def forget_orphans() -> int:
    """Delete the `orphans` that rows have known, unless an import may need them; how many there
    were. Those that no row knows may be another database's: `check_files` tells of them."""
    if not shared_files.are_elsewhere():
        return 0
    deleted = 0
    for some in batches(orphans()):
        if ImportRun.objects.filter(state=JobState.RUNNING).exists():
            break
        known = Content.objects.filter(digest__in=some).values_list("digest", flat=True)
        deleted += _delete(list(known))
    return deleted


def forget_copies() -> int:
    """Delete this machine's copies, older than an hour, of what neither a dataset nor an exam shows
    any more; how many there were. What no row knows is left to `check_files`, as above."""
    deleted = 0
    for some in batches(file.name for file in example_files.orphans()):
        for digest in Content.objects.filter(digest__in=some).values_list("digest", flat=True):
            path_of(digest).unlink(missing_ok=True)
            deleted += 1
    return deleted


def forget(digests: Sequence[str]) -> int:
    """Delete contents from the storage; how many they are. Raises StorageSilent."""
    return _delete(digests) if shared_files.are_elsewhere() else 0


def _delete(digests: Sequence[str]) -> int:
    # Said before and after: whoever stores one in between is to look again.
    _look_again(digests)
    for _digest, _none in _at_once(partial(shared_files.delete, DATASETS), digests):
        pass
    _look_again(digests)
    return len(digests)


def _unused(digests: Sequence[str]) -> Iterator[str]:
    shown = Sample.objects.filter(digest__in=digests).values_list("digest", flat=True)
    examined = ExamImage.objects.filter(digest__in=digests).values_list("digest", flat=True)
    used = {*shown, *examined}
    before = timezone.now() - timedelta(seconds=SETTLED)
    for digest in digests:
        if digest not in used and shared_files.is_older(DATASETS, digest, before):
            yield digest


def _shown() -> QuerySet[Content]:
    """The contents that a dataset or an exam shows."""
    of_it = OuterRef("digest")
    shown = Exists(Sample.objects.filter(digest=of_it))
    return Content.objects.filter(shown | Exists(ExamImage.objects.filter(digest=of_it)))


def _at_once(work: Callable[[str], T], digests: Sequence[str]) -> Iterator[tuple[str, T]]:
    """Each digest with what `work` makes of it, several at a time; none begins any more where one
    raises, or nobody asks for the rest."""
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        yield from zip(digests, pool.map(work, digests), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)
