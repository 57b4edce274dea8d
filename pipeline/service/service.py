"""Define `Service`, the state shared by all requests: queue, upload folder, metrics, readiness."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI, Request, Response

from ...sources import Intensity, Scan
from ..pipeline import Pipeline
from .answers import Answer
from .connections import Gate
from .errors import ServiceFault
from .logs import log
from .queue import Queue
from .security import check_same_site
from .settings import ServiceSettings
from .trace import Metrics
from .uploads import UploadFolder, read_upload, receive_upload

FIRST_SECONDS = 300.0
"""Longest time for the first prediction."""


class Service:
    """State shared by all requests of a service.

    Parameters
    ----------
    pipe : Pipeline
        Opened for as many callers as there are workers.
    settings : ServiceSettings
    give_up : callable
        Called when the first prediction fails, or too many workers are stuck.
    """

    def __init__(self, pipe: Pipeline, settings: ServiceSettings, give_up: Callable[[], None]) -> None:
        self.pipe, self.settings, self.limits, self._give_up = pipe, settings, settings.limits, give_up
        self.queue = Queue(settings.workers, settings.waiting, settings.seconds, settings.held_bytes, give_up)
        self.gate = Gate(settings.max_connections)
        self.metrics = Metrics(self.queue, self.gate)
        self.folder: UploadFolder | None = None
        self.ready = False

    @asynccontextmanager
    async def lifespan(self, _app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        """Become ready after a first prediction, and on exit remove all uploads."""
        self.folder = UploadFolder(self.settings.held_bytes)
        warm_up = asyncio.create_task(self._warm_up())
        try:
            yield {"gate": self.gate}  # for each `Connection`
        finally:
            self.ready = False
            warm_up.cancel()
            try:
                await asyncio.wait([warm_up])
                await asyncio.to_thread(self.queue.close)
            finally:
                self.folder.remove()

    async def _warm_up(self) -> None:
        nothing = Scan(np.zeros((1, 512, 512), dtype=np.float32), "display")
        try:
            first = self.queue.pool.submit(lambda: self.pipe.predict(nothing))
            await asyncio.wait_for(asyncio.wrap_future(first), FIRST_SECONDS)
        except Exception:  # noqa: BLE001 - nobody awaits this task, so the error would be lost
            log.exception("the first prediction failed, so the service stops")
            self._give_up()
        else:
            self.ready = True

    def check_ready(self) -> UploadFolder:
        """Return the folder for uploads; refuse the request if the service isn't ready.

        Raises
        ------
        ServiceFault
            503 while the service is starting or stuck.
        """
        again = {"Retry-After": "1"}
        if self.queue.pool.stuck:
            raise ServiceFault(503, "the service is stuck and will restart. Try again.", "stuck", again)
        if not self.ready or self.folder is None:
            raise ServiceFault(503, "the service is starting. Try again.", "not-ready", again)
        return self.folder

    async def answer(
        self, request: Request, work: Callable[[Scan, Path], Answer], intensity: Intensity | None
    ) -> Response:
        """Receive an upload, process it on a worker, and return the response.

        Parameters
        ----------
        request : Request
        work : callable
            Takes the scan and a private folder, and returns the answer; called on a worker's thread.
        intensity : {"hu", "display"}, optional
        """
        check_same_site(request)
        folder, meant = self.check_ready(), intensity or self.settings.pipeline.intensity
        async with self.queue.place() as place:
            upload = [await receive_upload(request, place, self.settings)]
            request.state.bytes = len(upload[0])
            self.metrics.uploaded.inc(len(upload[0]))

            def judge() -> Answer:
                with folder.holding(upload.pop()) as path:  # so that the upload isn't in memory twice
                    scan = read_upload(path, self.limits, meant, self.pipe.modality)
                    path.unlink()
                    request.state.format = str(scan.metadata.get("format", "array"))
                    return work(scan, path.parent)

            try:
                found = await place.run(judge, _disconnected(request))
            finally:
                upload.clear()  # a cancelled job stays in the queue for a while
        request.state.slices = found.slices
        self.metrics.slices.inc(found.slices)
        return Response(found.body, media_type=found.media_type, headers=dict(found.headers))


async def _disconnected(request: Request) -> None:
    """Return when the client closes the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
