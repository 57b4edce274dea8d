"""The queue: how many requests are inside, who works on them, and for how long."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from .errors import ServiceFault

Result = TypeVar("Result")

TYPICAL = 0.5
"""Seconds of work for a request, before any has been done."""

LONGEST_WAIT = 60
"""Seconds after which a refused request is told to come again, at most."""


class Queue:
    """Places for requests: one is taken before the upload is read, and kept until nothing of it is left.

    Parameters
    ----------
    workers : int
        Threads.
    waiting : int
        Places beyond those of the workers.
    seconds : float
        Longest time in a place.
    held_bytes : int
        Most bytes of uploads that all requests hold.
    """

    def __init__(self, workers: int, waiting: int, seconds: float, held_bytes: int) -> None:
        self.workers, self.places, self.seconds, self.held_bytes = workers, workers + waiting, seconds, held_bytes
        self.inside = self.working = self.held = 0
        self._typical = TYPICAL
        self._lock = threading.Lock()  # workers count too
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="lungct-serve")

    @asynccontextmanager
    async def place(self) -> AsyncIterator[Place]:
        """Take a place.

        Raises
        ------
        ServiceFault
            429 when none is free, 504 when the time is over.
        """
        if self.inside >= self.places:
            raise self.busy("all places are taken")
        place = Place(self)
        try:
            async with asyncio.timeout(self.seconds):
                yield place
        except TimeoutError:
            raise ServiceFault(
                504, f"this took longer than {self.seconds:g} s. Send fewer slices, or try when less is going on."
            ) from None
        finally:
            place.leave()

    def busy(self, why: str) -> ServiceFault:
        """Return the answer to what comes too much, with the time after which a place should be free."""
        wait = math.ceil(self._typical * max(1, self.inside - self.workers) / self.workers)
        wait = min(max(1, wait), LONGEST_WAIT)
        return ServiceFault(429, f"{why}. Try again in {wait} s.", headers={"Retry-After": str(wait)})

    def submit(self, work: Callable[[], Result]) -> Future[Result]:
        """Give some work to the next worker who is free."""
        return self._pool.submit(self._timed, work)

    def close(self) -> None:
        """Wait for what is running; throw away what waits."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _timed(self, work: Callable[[], Result]) -> Result:
        start = time.perf_counter()
        with self._lock:
            self.working += 1
        try:
            return work()
        finally:
            with self._lock:
                self.working -= 1
                self._typical += 0.2 * (time.perf_counter() - start - self._typical)


class Place:
    """A request's place in a `Queue`."""

    def __init__(self, queue: Queue) -> None:
        self._queue, self._held = queue, 0
        self._job: Future[Any] | None = None
        queue.inside += 1

    def hold(self, count: int) -> None:
        """Take so many bytes more of memory for the upload.

        Raises
        ------
        ServiceFault
            429 when all requests together would hold too many.
        """
        if self._queue.held + count > self._queue.held_bytes:
            raise self._queue.busy("the memory for uploads is full")
        self._queue.held += count
        self._held += count

    async def run(self, work: Callable[[], Result], gone: Awaitable[object]) -> Result:
        """Return what a worker's thread makes of some work.

        Parameters
        ----------
        work : callable
        gone : awaitable
            Ends when nobody waits for the answer any more. Work that has not begun is then left.

        Raises
        ------
        ServiceFault
            499 when nobody waits.
        """
        started = self._job = self._queue.submit(work)
        job: asyncio.Future[Result] = asyncio.wrap_future(started)
        watch: asyncio.Future[object] = asyncio.ensure_future(gone)
        try:
            await asyncio.wait((job, watch), return_when=asyncio.FIRST_COMPLETED)
            if not job.done():
                raise ServiceFault(499, "the client closed the connection")
            return job.result()
        finally:
            watch.cancel()
            job.cancel()

    def leave(self) -> None:
        """Give the place back; a thread can't be stopped, so while one works on it only when it is done."""
        loop = asyncio.get_running_loop()
        if self._job is None or self._job.done():
            self._free()
        else:
            self._job.add_done_callback(lambda _: loop.call_soon_threadsafe(self._free))

    def _free(self) -> None:
        self._queue.inside -= 1
        self._queue.held -= self._held
