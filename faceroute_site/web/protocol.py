"""HTTP connections with deadlines: for the headers of a request, and for taking an answer."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_HEADERS = 20.0  # seconds from the first byte of a request, or from connecting, to its last header
_STALLED = 60.0  # seconds a reader may take for what fills the buffers (some 100 kB)
_TOO_SLOW = b"The request did not arrive in time.\n"


class Protocol(H11Protocol):
    """uvicorn's HTTP/1.1, dropping who sends headers or reads answers too slowly.

    Bodies have a deadline of their own (`bodies.receive`).
    """

    _headers_due: asyncio.TimerHandle | None = None
    _reader_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_headers()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_answering():
            self._forget_headers()
        else:
            self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_headers()
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reader_due = self.loop.call_later(_STALLED, self.transport.abort)

    def resume_writing(self) -> None:
        if self._reader_due:
            self._reader_due.cancel()
            self._reader_due = None
        if self.flow:
            super().resume_writing()

    def shutdown(self) -> None:
        """The server stops: whoever waits for a result is answered now."""
        self.app_state["hub"].release_all()
        super().shutdown()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_headers(self) -> None:
        if self._headers_due is None:
            self._headers_due = self.loop.call_later(_HEADERS, self._give_up)

    def _forget_headers(self) -> None:
        if self._headers_due:
            self._headers_due.cancel()
            self._headers_due = None

    def _give_up(self) -> None:
        self._headers_due = None
        if self._is_answering() or self.transport.is_closing():
            return
        if self.conn.our_state is h11.IDLE:
            headers = [("content-type", "text/plain"), ("connection", "close")]
            events: tuple[h11.Event, ...] = (
                h11.Response(status_code=408, headers=headers, reason=b"Request Timeout"),
                h11.Data(data=_TOO_SLOW),
                h11.EndOfMessage(),
            )
            self.transport.write(b"".join(self.conn.send(event) or b"" for event in events))
        self.transport.close()
