"""Connections whose other end does not do its part in time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvicorn

from faceroute_site.web import protocol
from tests.processes import free_port

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def much(_scope: Any, _receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    """An answer of 64 MB."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(64):
        await send({"type": "http.response.body", "body": bytes(2**20), "more_body": True})
    await send({"type": "http.response.body", "body": b""})


Client = tuple[uvicorn.Server, asyncio.StreamReader, asyncio.StreamWriter]


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[Client]:
    port = free_port()
    config = uvicorn.Config(much, port=port, http=protocol.Protocol, ws="none", lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield server, reader, writer
    writer.close()
    while server.server_state.connections:
        await asyncio.sleep(0.01)
    server.should_exit = True
    await serving


async def connections_of_who_reads_nothing() -> int:
    async with connected() as (server, _reader, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(REQUEST)
        await asyncio.sleep(1.5)
        return len(server.server_state.connections)


async def answer_to_half_a_head() -> bytes:
    async with connected() as (_server, reader, writer):
        writer.write(REQUEST[:20])
        return await asyncio.wait_for(reader.read(), 5)


def test_who_takes_no_answer_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asyncio.run(connections_of_who_reads_nothing()) == 1
    monkeypatch.setattr(protocol, "_STALLED", 0.5)
    assert asyncio.run(connections_of_who_reads_nothing()) == 0


def test_who_does_not_finish_the_headers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_HEADERS", 0.5)
    assert asyncio.run(answer_to_half_a_head()).startswith(b"HTTP/1.1 408 ")
