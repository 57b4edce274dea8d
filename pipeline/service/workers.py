"""Run jobs on threads; a thread whose job never ends is replaced."""

from __future__ import annotations

import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from .logs import places

Result = TypeVar("Result")

TYPICAL = 0.5
"""Assumed seconds per job before any has finished."""


class Job(Future[Result]):
    """Work for a thread, and its future result."""

    def __init__(self, work: Callable[[], Result]) -> None:
        super().__init__()
        self.work = work
        self.thread: threading.Thread | None = None
        self.began = 0.0

    def where(self) -> list[str]:
        """Return the code locations where its thread is, innermost last."""
        frame = sys._current_frames().get(self.thread.ident or 0) if self.thread else None
        return places(traceback.extract_stack(frame)) if frame else []


class Workers:
    """Threads that run jobs, first come, first served.

    A thread can't be stopped, so `give_up` counts a job's thread as lost and starts another. If a lost thread finishes
    after all, its job completes normally, and the surplus thread ends.

    Parameters
    ----------
    count : int
        Jobs run in parallel.
    spare : int
        Most lost threads that are replaced; with more, the workers are `stuck`.
    """

    def __init__(self, count: int, spare: int) -> None:
        self.typical = TYPICAL
        self._count, self._spare = count, spare
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[Job[Any] | None] = queue.SimpleQueue()
        self._threads: set[threading.Thread] = set()
        self._running: set[Job[Any]] = set()
        self._lost: set[Job[Any]] = set()
        for _ in range(count):
            self._start()

    @property
    def working(self) -> int:
        """Number of running jobs, without those given up."""
        return len(self._running)

    @property
    def lost(self) -> int:
        """Number of lost threads."""
        return len(self._lost)

    @property
    def stuck(self) -> bool:
        """Whether more threads are lost than can be replaced."""
        return self.lost > self._spare

    def submit(self, work: Callable[[], Result]) -> Job[Result]:
        """Queue work for the next free thread."""
        job = Job(work)
        self._jobs.put(job)
        return job

    def give_up(self, job: Job[Any]) -> bool:
        """Count a job's thread as lost, and start another one if there are spare ones.

        Returns
        -------
        bool
            False if the job is not running.
        """
        with self._lock:
            if job not in self._running:
                return False
            self._running.remove(job)
            self._lost.add(job)
            if not self.stuck:
                self._start()
        return True

    def close(self, seconds: float) -> None:
        """Cancel waiting jobs, and wait some seconds for running ones; no thread keeps the process alive."""
        with suppress(queue.Empty):
            while job := self._jobs.get_nowait():
                job.cancel()
        with self._lock:
            threads, lost = list(self._threads), {job.thread for job in self._lost}
        for _ in threads:
            self._jobs.put(None)
        end = time.monotonic() + seconds
        for thread in threads:
            if thread not in lost:
                thread.join(max(0.0, end - time.monotonic()))

    def _start(self) -> None:
        thread = threading.Thread(target=self._go_on, name="lungct-serve", daemon=True)
        thread.start()
        self._threads.add(thread)

    def _go_on(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._do(job)
            del job  # free its memory before waiting for the next one
            if self._one_too_many():
                return

    def _do(self, job: Job[Any]) -> None:
        job.thread, job.began = threading.current_thread(), time.monotonic()
        if not job.set_running_or_notify_cancel():
            return
        with self._lock:
            self._running.add(job)
        try:
            result = job.work()
        except BaseException as error:  # noqa: BLE001 - passed on to whoever waits for the job
            self._done(job)
            job.set_exception(error)
            del job  # the error refers to this frame, and would keep the scan in memory
        else:
            self._done(job)
            job.set_result(result)

    def _done(self, job: Job[Any]) -> None:
        with self._lock:
            if job in self._running:
                self.typical += 0.2 * (time.monotonic() - job.began - self.typical)
            self._running.discard(job)
            self._lost.discard(job)

    def _one_too_many(self) -> bool:
        with self._lock:
            if len(self._threads) - len(self._lost) <= self._count:
                return False
            self._threads.discard(threading.current_thread())
            return True
