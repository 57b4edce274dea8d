"""What the requests of one service share: queue, upload folder, figures, and whether it is ready."""

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
    """What the requests of one service share.

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
        """Be ready after a first prediction; at the end leave no upload behind."""
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
        except Exception:  # noqa: BLE001 - nobody waits for this task, so nobody else would hear of it
            log.exception("the first prediction failed: nothing can be judged")
            self._give_up()
        else:
            self.ready = True

    def check_ready(self) -> UploadFolder:
        """Return where uploads lie while they are read; refuse while none can be judged.

        Raises
        ------
        ServiceFault
            503.
        """
        again = {"Retry-After": "1"}
        if self.queue.pool.stuck:
            raise ServiceFault(503, "the service is stuck, and will start anew. Try again.", "stuck", again)
        if not self.ready or self.folder is None:
            raise ServiceFault(503, "the service is starting. Try again.", "not-ready", again)
        return self.folder

    async def answer(
        self, request: Request, work: Callable[[Scan, Path], Answer], intensity: Intensity | None
    ) -> Response:
        """Receive an upload, wait for a worker, and return what it makes of the scan.

        Parameters
        ----------
        request : Request
        work : callable
            From the scan and a private folder to the answer; called in a worker's thread.
        intensity : {"hu", "display"}, optional
        """
        check_same_site(request)
        folder, meant = self.check_ready(), intensity or self.settings.pipeline.intensity
        async with self.queue.place() as place:
            upload = [await receive_upload(request, place, self.settings)]
            request.state.bytes = len(upload[0])
            self.metrics.uploaded.inc(len(upload[0]))

            def judge() -> Answer:
                with folder.holding(upload.pop()) as path:  # the upload need not stay in memory twice
                    scan = read_upload(path, self.limits, meant, self.pipe.modality)
                    path.unlink()
                    request.state.format = str(scan.metadata.get("format", "array"))
                    return work(scan, path.parent)

            try:
                found = await place.run(judge, _disconnected(request))
            finally:
                upload.clear()  # a job that was left before it began stays in the queue for a while
        request.state.slices = found.slices
        self.metrics.slices.inc(found.slices)
        return Response(found.body, media_type=found.media_type, headers=dict(found.headers))


async def _disconnected(request: Request) -> None:
    """End when the client closes the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
