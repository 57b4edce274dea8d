"""Trace requests: a log line and Prometheus metrics for each, without patient data."""

from __future__ import annotations

import time
import uuid
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .connections import Gate
from .errors import CODES, error_answer
from .logs import log
from .queue import Queue
from .security import HEADERS, host_is_known

SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 6, 12, 25, 50, 100, 200)


class Metrics:
    """Prometheus metrics of a service.

    Parameters
    ----------
    queue : Queue
    gate : Gate
    """

    def __init__(self, queue: Queue, gate: Gate) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        own: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter("lungct_requests", "Requests answered.", ("path", "status"), **own)
        self.seconds = Histogram(
            "lungct_request_seconds", "Seconds from headers to answer.", ("path",), buckets=SECONDS, **own
        )
        self.uploaded = Counter("lungct_uploaded_bytes", "Bytes of uploads.", **own)
        self.slices = Counter("lungct_slices", "Slices processed.", **own)
        inside = Gauge(
            "lungct_requests_inside", "Requests with a place: being received, waiting or in progress.", **own
        )
        inside.set_function(lambda: queue.inside)
        working = Gauge("lungct_requests_working", "Requests in progress.", **own)
        working.set_function(lambda: queue.pool.working)
        lost = Gauge("lungct_workers_lost", "Stuck workers that were replaced.", **own)
        lost.set_function(lambda: queue.pool.lost)
        Gauge("lungct_places", "Places; further requests get status 429.", **own).set(queue.places)
        for figures in (gate.open, gate.cut):
            self.registry.register(figures)


class Tracing:
    """Wrap an app to give each request an ID and each answer its headers, and to record them.

    Parameters
    ----------
    app : ASGI app
    metrics : Metrics
    hosts : tuple of str
        Allowed host names; see `ServiceSettings`.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, hosts: tuple[str, ...]) -> None:
        self.app, self.metrics, self.hosts = app, metrics, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        request.state.request_id, request.state.body_ended = uuid.uuid4().hex, False
        start, status, began = time.perf_counter(), 0, False

        async def receive_to_end() -> Message:
            message = await receive()
            request.state.body_ended |= not message.get("more_body")
            return message

        async def send_with_headers(message: Message) -> None:
            nonlocal status, began
            if message["type"] == "http.response.start":
                status, began = message["status"], True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers["X-Request-ID"] = request.state.request_id
            await send(message)

        try:
            if host_is_known(request.headers, self.hosts):
                await self.app(scope, receive_to_end, send_with_headers)
            else:
                message = "the header Host names an unknown host. Allow it with lungct serve --allow-host."
                await error_answer(request, 421, message, CODES[421])(scope, receive, send_with_headers)
        except Exception:  # noqa: BLE001 - the last resort for unexpected errors
            log.exception("unforeseen", extra={"facts": {"request_id": request.state.request_id}, "kind": None})
            if not began:
                message = "an unexpected error occurred. Look up the request_id in the service's log."
                await error_answer(request, 500, message, CODES[500])(scope, receive, send_with_headers)
        finally:
            self._record(request, status, time.perf_counter() - start)

    def _record(self, request: Request, status: int, seconds: float) -> None:
        path = getattr(request.scope.get("route"), "path", "other")  # the route's path: the requested one is untrusted
        self.metrics.requests.labels(path, str(status)).inc()
        self.metrics.seconds.labels(path).observe(seconds)
        state = request.state
        facts = {"request_id": state.request_id, "method": _method(request), "path": path, "status": status}
        facts["ms"] = round(seconds * 1000)
        for name in ("outcome", "bytes", "slices", "format"):
            if hasattr(state, name):
                facts[name] = getattr(state, name)
        always = "bytes" in facts or status == 500  # requests that cost work; others can be sent at any rate
        log.info("request", extra={"facts": facts, "kind": None if always else (facts["method"], path, status)})


def _method(request: Request) -> str:
    return request.method if request.method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS") else "other"
