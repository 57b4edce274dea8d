"""Connections: how many may be open, and how long one may keep the service waiting for headers or for its reader."""

from __future__ import annotations

import asyncio
import json

from prometheus_client import Counter, Gauge
from uvicorn.protocols.http.h11_impl import H11Protocol

from .logs import log

HEADER_SECONDS = 10.0
"""A request's headers must be there so long after the connection opened, or after the answer before."""

ANSWER_SECONDS = 20.0
"""So often it is looked whether an answer is being taken."""

LEAST_TAKEN = 1024 * 1024
"""Bytes of an answer that must be taken in that time, unless it is less."""

SEND_BUFFER = 256 * 1024
"""Bytes that the system holds for a reader: left alone it takes megabytes, and a slow reader would look like none."""

CROWDED = {"code": "crowded", "message": "all connections are taken. Try again in 1 s.", "request_id": ""}

_BODY = json.dumps({"error": CROWDED}).encode()
CROWDED_ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
)


class Gate:
    """Keeps the connections of a service below a number, and counts them.

    Parameters
    ----------
    most : int
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.waiting: dict[Connection, None] = {}  # for headers; who has waited longest comes first
        self.open = Gauge("lungct_connections", "Connections that are open.", registry=None)
        self.cut = Counter("lungct_connections_cut", "Connections refused or cut off.", ("why",), registry=None)

    def make_room(self) -> bool:
        """Cut off who has waited longest without asking anything; return whether there was one."""
        for connection in self.waiting:
            if not connection.unsent():
                connection.cut_off("crowded-out")
                return True
        return False

    def count(self, why: str) -> None:
        """Note that a connection was cut off."""
        self.cut.labels(why).inc()
        log.info("connection cut off", extra={"facts": {"why": why}, "kind": ("connection", why)})


class Connection(H11Protocol):
    """A connection that is cut off when its headers don't come, or its answers are not taken.

    The state of the app it serves must hold a `Gate` by the name of ``gate``.
    """

    _headers_due: asyncio.TimerHandle | None = None
    _reader_due: asyncio.TimerHandle | None = None
    _left = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let the connection in if there is room, or can be made."""
        super().connection_made(transport)
        self._gate: Gate = self.app_state["gate"]
        self._gate.open.inc()
        if len(self.connections) > self._gate.most and not self._gate.make_room():
            self._gate.count("refused")
            transport.write(CROWDED_ANSWER)
            transport.close()
            return
        self._watch_headers()

    def data_received(self, data: bytes) -> None:
        """Take what came: with it, headers may be complete."""
        super().data_received(data)
        self._watch_headers()

    def on_response_complete(self) -> None:
        """Wait for the next headers, and for the answer to be taken."""
        super().on_response_complete()
        self._watch_headers()
        self._watch_reader()

    def pause_writing(self) -> None:
        """Wait for what was sent to be taken."""
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        """Start the reader's time anew: nearly all was taken."""
        super().resume_writing()
        self._forget_reader()
        self._watch_reader()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._gate.open.dec()
        self._stop_watching()
        super().connection_lost(exc)

    def unsent(self) -> int:
        """Return how many bytes of answers are still to be taken."""
        return self.transport.get_write_buffer_size()

    def cut_off(self, why: str) -> None:
        """Close the connection at once, whatever was to be sent."""
        self._gate.count(why)
        self._stop_watching()
        self.transport.abort()

    def _watch_headers(self) -> None:
        """Start the clock when headers are waited for, and stop it when they are there."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self._headers_due is None:
            self._headers_due = self.loop.call_later(HEADER_SECONDS, self._headers_late)
            self._gate.waiting[self] = None

    def _headers_late(self) -> None:
        self._stop_waiting()
        if self.unsent():  # it is still reading its answer
            self._watch_headers()
        else:
            self.cut_off("headers")

    def _watch_reader(self) -> None:
        self._left = max(self._left, self.unsent())
        if self._left and self._reader_due is None:
            self._reader_due = self.loop.call_later(ANSWER_SECONDS, self._reader_late)

    def _reader_late(self) -> None:
        taken = self._left - self.unsent()
        self._forget_reader()
        if self.unsent() and taken < LEAST_TAKEN:
            self.cut_off("answer")
        else:
            self._watch_reader()

    def _forget_reader(self) -> None:
        self._left = 0
        if self._reader_due is not None:
            self._reader_due.cancel()
            self._reader_due = None

    def _stop_waiting(self) -> None:
        self._gate.waiting.pop(self, None)
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None

    def _stop_watching(self) -> None:
        self._stop_waiting()
        self._forget_reader()
