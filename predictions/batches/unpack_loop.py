"""The thread of a worker process that unpacks zips.

It asks nobody but the database, as the loop for photos does, and waits for no import of hours that
the process is at.
"""

from predictions.looking import LookingThread

from .unpacking import take, unpack


class UnpackLoop(LookingThread):
    """When it is stopped, the file at hand is through; the rest of the zip is left to others."""

    def __init__(self) -> None:
        super().__init__("unpack loop", self._work, pause=1.0, pause_in_trouble=5.0)

    def _work(self) -> None:
        while not self.stopping.is_set() and (archive := take()):
            unpack(archive, self.stopping)
