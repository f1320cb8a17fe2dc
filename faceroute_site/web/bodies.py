"""Receiving the bodies of requests: without a thread, no more than allowed, not for ever.

What does not fit into memory goes to a file without a name below the data directory, of which
nothing is left whatever way this process ends.
"""

import asyncio
import io
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from typing import IO, Any

from django.conf import settings

from .refusals import Refused, no_room, too_large, too_slow

Receive = Callable[[], Awaitable[dict[str, Any]]]

# A body may take this long, and a second for every so many bytes of it.
_GRACE = 20.0
_LEAST_RATE = 1000
_IN_MEMORY = 64 * 1024
_ROOM_LEFT = 512 * 2**20  # bytes of the disk that bodies never take


class HungUp(Exception):
    """The caller has gone; there is nobody to answer."""


class Spool:
    """The bodies that this process receives at the same time, in files of a bounded sum."""

    def __init__(self) -> None:
        self._bytes = 0

    async def receive(
        self, receive: Receive, declared: int | None, allowed: Callable[[], Awaitable[int]]
    ) -> "Body":
        """The whole body of a request.

        `declared` is its length in bytes, where the caller told it. Whether more than what every
        page takes is `allowed`, in bytes, is asked before anything beyond that is received.
        Raises Refused and HungUp.
        """
        body = Body(self)
        try:
            await body.fill(receive, declared, allowed)
        except OSError as error:
            body.close()
            raise Refused(no_room()) from error
        except BaseException:
            body.close()
            raise
        return body

    def take(self, count: int) -> None:
        """Raises Refused where all the others leave no room for so many bytes."""
        if self._bytes + count > settings.INCOMING_BYTES:
            raise Refused(no_room())
        self._bytes += count

    def give_back(self, count: int) -> None:
        self._bytes -= count


class Body:
    """The bytes of one request's body, in memory or in an unnamed file."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._most = settings.FORM_BYTES
        self._asked = False
        self._checked = 0
        self.length = 0
        self.file: IO[bytes] = io.BytesIO()

    async def fill(
        self, receive: Receive, declared: int | None, allowed: Callable[[], Awaitable[int]]
    ) -> None:
        loop = asyncio.get_running_loop()
        begun, more = loop.time(), True
        await self._expect(declared or 0, allowed)
        while more:
            try:
                async with asyncio.timeout_at(begun + _GRACE + self.length / _LEAST_RATE):
                    message = await receive()
            except TimeoutError:
                raise Refused(too_slow()) from None
            if message["type"] == "http.disconnect":
                raise HungUp
            chunk, more = message.get("body", b""), message.get("more_body", False)
            await self._expect(self.length + len(chunk), allowed)
            self._keep(chunk)
        self.file.seek(0)

    def close(self) -> None:
        self.file.close()
        self._spool.give_back(self.length)
        self.length = 0

    async def _expect(self, length: int, allowed: Callable[[], Awaitable[int]]) -> None:
        if length > self._most and not self._asked:
            self._most, self._asked = max(self._most, await allowed()), True
        if length > self._most:
            raise Refused(too_large(self._most))

    def _keep(self, chunk: bytes) -> None:
        self._spool.take(len(chunk))
        self.length += len(chunk)
        if isinstance(self.file, io.BytesIO) and self.length > _IN_MEMORY:
            kept = self.file.getvalue()
            self.file = unnamed_file()
            self.file.write(kept)
        if self.length - self._checked > 2**24:
            self._checked = self.length
            if shutil.disk_usage(settings.INCOMING_ROOT).free < _ROOM_LEFT:
                raise Refused(no_room())
        self.file.write(chunk)


def unnamed_file() -> IO[bytes]:
    """An empty file below the data directory, open and without a name."""
    settings.INCOMING_ROOT.mkdir(mode=0o700, parents=True, exist_ok=True)
    return tempfile.TemporaryFile(dir=settings.INCOMING_ROOT)
