"""Which images a model has learnt from, or from what looks the same."""

import hashlib
from collections.abc import Iterable, Iterator

from vision.data.labelled_files import LabelledFile
from vision.data.near_copies import look_at

from .trained_on import TrainedOn


def has_seen(trained_on: TrainedOn, data: bytes) -> bool:
    """Whether the list has an image, given as its file, or one that looks the same."""
    if trained_on.holds([hashlib.sha256(data).hexdigest()])[0]:
        return True
    try:
        return trained_on.resembles(look_at(data))
    except OSError:
        return False


class SeenCounter:
    """Counts, among files that go by, the images that a model has seen, as far as its list has
    them: `count`, None where it has no list."""

    def __init__(self, trained_on: TrainedOn | None) -> None:
        self._trained_on = trained_on
        self.count = None if trained_on is None else 0

    def watch(self, files: Iterable[LabelledFile]) -> Iterator[LabelledFile]:
        """The files, each counted when it is taken. Those without labels are not scored either."""
        for file in files:
            if self._trained_on is not None and self.count is not None and file.labels:
                self.count += has_seen(self._trained_on, file.data)
            yield file
