"""The ASGI application: receives a request, has a view answer it, sends the answer."""

import asyncio
import contextlib
import io
import multiprocessing
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase

from predictions import waiting
from predictions.waiting import Hub, Waiting

from . import refusals
from .allowances import NotRead
from .bodies import Body, HungUp, Receive, Spool
from .refusals import Refused
from .views_in_threads import Lanes, environ_of

Send = Callable[[dict[str, Any]], Awaitable[None]]

# A refused caller that is still sending would lose the answer with its connection: that stays open
# for some seconds, in which so many bytes are thrown away and no more are taken.
_LINGER = 5.0
_THROWN_AWAY = 8 * 2**20
_PIECE = 256 * 1024


class Application:
    """The site in one process."""

    def __init__(self) -> None:
        self._spool = Spool()
        self._lanes = Lanes()
        self._hub = Hub(settings.WAITING_REQUESTS)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        # Without anybody to answer, and when a stopping server has no more time, that is all.
        with contextlib.suppress(HungUp):
            await _Exchange(self._spool, self._lanes, self._hub, scope, receive, send).run()

    async def _live(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        scope["state"]["hub"] = self._hub
        _stop_with_parent()
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._hub.shut_down()
        self._lanes.shut_down()
        await send({"type": "lifespan.shutdown.complete"})


@dataclass(frozen=True)
class _Exchange:
    """One request and its answer."""

    spool: Spool
    lanes: Lanes
    hub: Hub
    scope: dict[str, Any]
    receive: Receive
    send: Send

    async def run(self) -> None:
        environ = environ_of(self.scope)
        try:
            body = await self.spool.receive(
                self.receive, _declared_length(environ), lambda: self.lanes.allowed(environ)
            )
        except NotRead:
            await self._answer_unread(environ)
            return
        except Refused as refused:
            await self._answer_unread({**environ, refusals.KEY: refused.refusal})
            return
        await self._send(environ, await self._answer(environ, body))

    async def _answer(self, environ: dict[str, Any], body: Body) -> HttpResponseBase:
        asked = Waiting()
        environ = {**environ, waiting.KEY: asked}
        try:
            response = await self._view(environ, body.file, body.length)
        finally:
            body.close()
        if asked.prediction is None or not asked.seconds or not self.hub.has_place:
            return response
        await self._wait(asked.prediction, asked.seconds)
        asked.is_over = True
        return await self._view(environ, io.BytesIO(), 0)

    async def _view(
        self, environ: dict[str, Any], body: IO[bytes], length: int
    ) -> HttpResponseBase:
        """The view's answer. Raises HungUp where the caller goes before a thread is free."""
        running = self.lanes.answer(environ, body, length)
        answer = asyncio.wrap_future(running)
        gone = asyncio.create_task(self._gone())
        try:
            await _first_of(answer, gone)
            if not answer.done() and running.cancel():
                raise HungUp
            # What has begun is let finish: it reads the body.
            return await answer
        finally:
            gone.cancel()

    async def _wait(self, prediction: UUID, seconds: int) -> None:
        """Until there is something to tell. Raises HungUp."""
        told = asyncio.create_task(self.hub.wait(prediction, seconds))
        gone = asyncio.create_task(self._gone())
        try:
            await _first_of(told, gone)
            if not told.done():
                raise HungUp
        finally:
            told.cancel()
            gone.cancel()

    async def _answer_unread(self, environ: dict[str, Any]) -> None:
        """Answer a request without its body, and let the caller read the answer."""
        response = await asyncio.wrap_future(self.lanes.answer(environ, io.BytesIO(), 0))
        response["Connection"] = "close"
        await self._send(environ, response, lingering=True)

    async def _throw_away(self) -> None:
        left = _THROWN_AWAY
        while left > 0:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                return
            left -= len(message.get("body", b""))
        await asyncio.sleep(_LINGER)

    async def _gone(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def _send(
        self, environ: dict[str, Any], response: HttpResponseBase, *, lingering: bool = False
    ) -> None:
        headers = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in _all(response)
        ]
        await self.send(
            {"type": "http.response.start", "status": response.status_code, "headers": headers}
        )
        if isinstance(response, HttpResponse):
            content = response.content
            for start in range(0, len(content), _PIECE):
                await self._send_part(content[start : start + _PIECE])
        else:
            await self._send_stream(environ, response)
        if lingering:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LINGER):
                    await self._throw_away()
        await self.send({"type": "http.response.body", "body": b""})

    async def _send_stream(self, environ: dict[str, Any], response: HttpResponseBase) -> None:
        """Until the caller goes: nothing is made for nobody."""
        if self.scope["method"] == "HEAD":
            await self.lanes.close(environ, response)
            return
        gone = asyncio.create_task(self._gone())
        try:
            async with contextlib.aclosing(self.lanes.pieces(environ, response)) as pieces:
                async for piece in pieces:
                    await self._send_part(piece)
                    if gone.done():
                        return
        finally:
            gone.cancel()

    async def _send_part(self, part: bytes) -> None:
        await self.send({"type": "http.response.body", "body": part, "more_body": True})


async def _first_of(*futures: "asyncio.Future[Any]") -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


def _all(response: HttpResponseBase) -> list[tuple[str, str]]:
    cookies = [("Set-Cookie", morsel.OutputString()) for morsel in response.cookies.values()]
    return [*response.items(), *cookies]


def _declared_length(environ: dict[str, Any]) -> int | None:
    text = environ.get("CONTENT_LENGTH", "")
    return int(text) if text.isdecimal() else None


def _stop_with_parent() -> None:
    """A process whose supervisor was killed stops by itself."""
    if parent := multiprocessing.parent_process():
        loop = asyncio.get_running_loop()

        def stop() -> None:
            loop.remove_reader(parent.sentinel)
            signal.raise_signal(signal.SIGTERM)

        loop.add_reader(parent.sentinel, stop)
