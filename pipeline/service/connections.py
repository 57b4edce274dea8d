"""Limit connections: how many may be open, and how long one may take to send headers or read its answer."""

from __future__ import annotations

import asyncio
import json

from prometheus_client import Counter, Gauge
from uvicorn.protocols.http.h11_impl import H11Protocol

from .logs import log

HEADER_SECONDS = 10.0
"""Seconds within which headers must arrive after the connection opened or the last answer ended."""

ANSWER_SECONDS = 20.0
"""Seconds between checks that the client is reading its answer."""

LEAST_TAKEN = 1024 * 1024
"""Bytes of an answer that the client must read in that time, or all of a smaller rest."""

SEND_BUFFER = 256 * 1024
"""Size of the system's send buffer: by default it is megabytes, and a slow reader would look like none."""

CROWDED = {"code": "crowded", "message": "all connections are in use. Try again in 1 s.", "request_id": ""}

_BODY = json.dumps({"error": CROWDED}).encode()
CROWDED_ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
)


class Gate:
    """Limit the number of a service's connections, and count them.

    Parameters
    ----------
    most : int
        Most open connections.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.waiting: dict[Connection, None] = {}  # waiting for headers, the longest wait first
        self.open = Gauge("lungct_connections", "Open connections.", registry=None)
        self.cut = Counter("lungct_connections_cut", "Connections refused or cut off.", ("why",), registry=None)

    def make_room(self) -> bool:
        """Close the connection that has been idle longest; return whether there was one."""
        for connection in self.waiting:
            if not connection.unsent():
                connection.cut_off("crowded-out")
                return True
        return False

    def count(self, why: str) -> None:
        """Count and log that a connection was cut off."""
        self.cut.labels(why).inc()
        log.info("connection cut off", extra={"facts": {"why": why}, "kind": ("connection", why)})


class Connection(H11Protocol):
    """A connection that is cut off if its headers don't arrive or its answers are not read.

    The state of the app that it serves must have a `Gate` named ``gate``.
    """

    _headers_due: asyncio.TimerHandle | None = None
    _reader_due: asyncio.TimerHandle | None = None
    _left = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection if there is room, or if room can be made."""
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
        """Process received data, which may complete the headers."""
        super().data_received(data)
        self._watch_headers()

    def on_response_complete(self) -> None:
        """Wait for the next headers, and for the answer to be read."""
        super().on_response_complete()
        self._watch_headers()
        self._watch_reader()

    def pause_writing(self) -> None:
        """Wait for sent data to be read."""
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        """Restart the reader's time, because nearly everything was read."""
        super().resume_writing()
        self._forget_reader()
        self._watch_reader()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._gate.open.dec()
        self._stop_watching()
        super().connection_lost(exc)

    def unsent(self) -> int:
        """Return the number of bytes of answers that are still to be sent."""
        return self.transport.get_write_buffer_size()

    def cut_off(self, why: str) -> None:
        """Close the connection at once, discarding unsent data."""
        self._gate.count(why)
        self._stop_watching()
        self.transport.abort()

    def _watch_headers(self) -> None:
        """Start the timer while waiting for headers, and stop it when they have arrived."""
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
