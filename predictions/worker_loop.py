"""The thread of a worker process that looks for photos.

It asks nobody but the database, so that photos are taken up within a second whatever state Redis is
in. A message only has it look at once.
"""

from .claims import anything_waits
from .draining import Drain, return_lost
from .looking import LookingThread
from .model_server import ModelServer


class WorkerLoop(LookingThread):
    """When it is stopped, the batch at hand is done and what was read ahead goes back to the
    queue."""

    def __init__(self, server: ModelServer) -> None:
        super().__init__("worker loop", self._work, pause=0.5, pause_in_trouble=2.0)
        self._server = server
        self._drain = Drain(server, self.stopping)

    @property
    def served(self) -> int:
        """How many photos it has worked through."""
        return self._drain.served

    def _work(self) -> None:
        if anything_waits() or self._found_lost():
            self._drain.run()

    def _found_lost(self) -> bool:
        """Whether what others have lost waits now; asked where nothing else does.

        A newly activated version is loaded meanwhile, and what cannot be served left to others.
        """
        return self._server.current() is not None and return_lost() > 0
