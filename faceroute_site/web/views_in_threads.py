"""Django's synchronous views, run in a few threads for requests whose body has arrived."""

import asyncio
import io
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any, cast

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.signals import request_started
from django.db import close_old_connections
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import resolve, set_script_prefix
from django.utils.translation import override

from .allowances import is_about_files, most_bytes

_PIECE = 256 * 1024  # bytes of an answer that are sent at a time


def environ_of(scope: Mapping[str, Any]) -> dict[str, Any]:
    """What WSGI (PEP 3333) makes of a request's head in ASGI; its body is empty."""
    host, port = scope.get("server") or ("localhost", 80)
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": settings.BASE_PATH,
        "PATH_INFO": _below_base(scope["path"]).encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 80),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": (scope.get("client") or ("",))[0],
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
    }
    for name, value in scope["headers"]:
        if b"_" in name:  # it would pass for the header with a hyphen
            continue
        key = name.decode("latin-1").upper().replace("-", "_")
        key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
        text = value.decode("latin-1")
        joint = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{joint}{text}" if key in environ else text
    return environ


def _below_base(path: str) -> str:
    """The path within the site; some proxies pass the base on, others take it off."""
    below = path.removeprefix(settings.BASE_PATH)
    return below if below.startswith("/") else path


class Lanes:
    """The threads of this process: some for pages, others for uploads and crops.

    Those wait for decoders and storage; however many there are, pages have their own threads.
    """

    def __init__(self) -> None:
        resolve("/")  # loads every page before somebody asks for one
        self._handler = _Handler()
        self._pages = ThreadPoolExecutor(settings.WEB_THREADS, "pages")
        self._files = ThreadPoolExecutor(settings.WEB_FILE_THREADS, "files")

    def answer(
        self, environ: dict[str, Any], body: IO[bytes], length: int
    ) -> "Future[HttpResponseBase]":
        """Run the view for a request; cancelled before a thread is free, it never runs."""
        environ = {**environ, "wsgi.input": body, "CONTENT_LENGTH": str(length)}
        return self._lane(environ).submit(self._handler.answer, environ)

    async def allowed(self, environ: dict[str, Any]) -> int:
        """See `most_bytes`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pages, _most_bytes, environ)

    async def pieces(
        self, environ: dict[str, Any], response: HttpResponseBase
    ) -> AsyncGenerator[bytes, None]:
        """A streamed answer while it is made, by threads of the kind that its view had, in the
        language that it began in."""
        loop, lane = asyncio.get_running_loop(), self._lane(environ)
        parts = iter(cast(Iterable[bytes], response))
        language = response.headers.get("Content-Language", settings.LANGUAGE_CODE)
        try:
            while piece := await loop.run_in_executor(lane, _next_piece, parts, language):
                yield piece
        finally:
            await self.close(environ, response)

    async def close(self, environ: dict[str, Any], response: HttpResponseBase) -> None:
        """Let an answer go that is not or no longer sent, in a thread of those."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._lane(environ), response.close)

    def shut_down(self) -> None:
        self._pages.shutdown(cancel_futures=True)
        self._files.shutdown(cancel_futures=True)

    def _lane(self, environ: dict[str, Any]) -> ThreadPoolExecutor:
        return self._files if _is_about_files(environ) else self._pages


class _Handler(WSGIHandler):
    """Django's middleware and views, giving their response itself."""

    def answer(self, environ: dict[str, Any]) -> HttpResponseBase:
        set_script_prefix(f"{settings.BASE_PATH}/")
        request_started.send(sender=type(self), environ=environ)
        response: HttpResponseBase = self.get_response(WSGIRequest(environ))
        if isinstance(response, HttpResponse):
            response.close()  # in this thread, whose connections it looks after
        else:
            close_old_connections()
        return response


def _next_piece(parts: Iterator[bytes], language: str) -> bytes:
    """Empty at the end."""
    piece = bytearray()
    with override(language):  # else it is that of whom this thread answered last
        for part in parts:
            piece += part
            if len(piece) >= _PIECE:
                break
    return bytes(piece)


def _is_about_files(environ: dict[str, Any]) -> bool:
    return is_about_files(WSGIRequest({**environ, "wsgi.input": io.BytesIO()}))


def _most_bytes(environ: dict[str, Any]) -> int:
    try:
        return most_bytes(WSGIRequest(environ))
    finally:
        close_old_connections()
