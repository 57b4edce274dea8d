"""Queue requests: limit their number and time, and replace workers that get stuck."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from .errors import ServiceFault
from .logs import log
from .workers import Job, Workers

Result = TypeVar("Result")

LONGEST_WAIT = 60
"""Most seconds after which a refused client is told to try again."""

STUCK = 2.0
"""A worker counts as stuck after this many times the time limit of a request."""

CLOSE_SECONDS = 5.0
"""Seconds that shutting down waits for abandoned work."""


class Queue:
    """Places for requests. A request takes one before its upload is read, and keeps it until its work has ended.

    Parameters
    ----------
    workers : int
        Requests processed in parallel; up to this many stuck workers are replaced.
    waiting : int
        Additional places for waiting requests.
    seconds : float
        Time limit for a request.
    held_bytes : int
        Most bytes of uploads in all requests together.
    give_up : callable
        Called when too many workers are stuck.
    """

    def __init__(
        self, workers: int, waiting: int, seconds: float, held_bytes: int, give_up: Callable[[], None] = lambda: None
    ) -> None:
        self.workers, self.places, self.seconds, self.held_bytes = workers, workers + waiting, seconds, held_bytes
        self.inside = self.held = 0
        self.pool = Workers(workers, spare=workers)
        self._give_up = give_up

    @asynccontextmanager
    async def place(self) -> AsyncIterator[Place]:
        """Take a place.

        Raises
        ------
        ServiceFault
            429 when none is free, 504 when the time limit is exceeded.
        """
        if self.inside >= self.places:
            raise self.busy("the service is busy")
        place = Place(self)
        try:
            async with asyncio.timeout(self.seconds):
                yield place
        except TimeoutError:
            raise ServiceFault(
                504, f"this took longer than {self.seconds:g} s. Send fewer slices, or try again at a quieter time."
            ) from None
        finally:
            place.leave()

    def busy(self, why: str) -> ServiceFault:
        """Return the 429 response for a request over the limit, with the time when a place should be free."""
        wait = math.ceil(self.pool.typical * max(1, self.inside - self.workers) / self.workers)
        wait = min(max(1, wait), LONGEST_WAIT)
        return ServiceFault(429, f"{why}. Try again in {wait} s.", headers={"Retry-After": str(wait)})

    def seconds_left(self, job: Job[Any]) -> float:
        """Return the seconds until a running job counts as stuck."""
        return job.began + STUCK * self.seconds - time.monotonic()

    def replace_worker(self, job: Job[Any]) -> None:
        """Replace a job's stuck worker, or give up the service if too many are stuck."""
        if not self.pool.give_up(job):
            return
        log.error("a worker is stuck", extra={"facts": {"lost": self.pool.lost, "where": job.where()}})
        if self.pool.stuck:
            log.critical("too many workers are stuck")
            self._give_up()

    def close(self) -> None:
        """Discard waiting jobs, and give running ones a moment to finish."""
        self.pool.close(CLOSE_SECONDS)


class Place:
    """A request's place in a `Queue`."""

    def __init__(self, queue: Queue) -> None:
        self._queue, self._held, self._taken = queue, 0, True
        self._job: Job[Any] | None = None
        queue.inside += 1

    def hold(self, count: int) -> None:
        """Reserve more bytes of memory for the upload.

        Raises
        ------
        ServiceFault
            429 when all requests together would exceed the limit.
        """
        if self._queue.held + count > self._queue.held_bytes:
            raise self._queue.busy("the memory for uploads is full")
        self._queue.held += count
        self._held += count

    async def run(self, work: Callable[[], Result], gone: Awaitable[object]) -> Result:
        """Run some work on a worker's thread and return its result.

        Parameters
        ----------
        work : callable
        gone : awaitable
            Ends when the client has disconnected. Work that has not started is then cancelled.

        Raises
        ------
        ServiceFault
            499 when the client has disconnected.
        """
        started = self._job = self._queue.pool.submit(work)
        job: asyncio.Future[Result] = asyncio.wrap_future(started)
        watch: asyncio.Future[object] = asyncio.ensure_future(gone)
        try:
            await asyncio.wait((job, watch), return_when=asyncio.FIRST_COMPLETED)
            if not job.done():
                raise ServiceFault(499, "the client closed the connection")
            return job.result()
        finally:
            watch.cancel()
            started.cancel()
            job.cancel()

    def leave(self) -> None:
        """Release the place; if a worker is still busy with it, when that worker has finished or is replaced."""
        loop, job = asyncio.get_running_loop(), self._job
        if job is None or job.done():
            self._free()
            return
        late = loop.call_later(self._queue.seconds_left(job), self._leave_stuck, job)

        def done(_: object) -> None:
            if self._taken:
                with suppress(RuntimeError):  # the loop may have ended already
                    loop.call_soon_threadsafe(self._leave_done, late)

        job.add_done_callback(done)

    def _leave_done(self, late: asyncio.TimerHandle) -> None:
        late.cancel()
        self._free()

    def _leave_stuck(self, job: Job[Any]) -> None:
        self._free()
        self._queue.replace_worker(job)

    def _free(self) -> None:
        if self._taken:
            self._taken = False
            self._queue.inside -= 1
            self._queue.held -= self._held
