"""Process many items in parallel threads; NumPy, SciPy, Pillow and the engines all release the GIL."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def available_threads() -> int:
    """Return the number of processor threads that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def as_ready(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int | None = None
) -> Generator[tuple[Item, Result], None, None]:
    """Yield every item with its result as soon as it is ready; a slow item doesn't hold up the others.

    Parameters
    ----------
    work : callable
        Called from several threads.
    items : iterable
        Consumed as needed.
    threads : int, optional
        By default, as many as this process may use.
    """
    count = threads or available_threads()
    running: dict[Future[Result], Item] = {}
    with ThreadPoolExecutor(count, thread_name_prefix="lungct") as pool:
        try:
            for item in items:
                running[pool.submit(work, item)] = item
                if len(running) > count:
                    yield from _finished(running)
            while running:
                yield from _finished(running)
        finally:  # the caller stopped early: drop the rest
            for future in running:
                future.cancel()


def _finished(running: dict[Future[Result], Item]) -> Iterator[tuple[Item, Result]]:
    """Wait until at least one future is done, then remove and yield those that are."""
    for future in wait(running, return_when=FIRST_COMPLETED).done:
        yield running.pop(future), future.result()


def side_by_side(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int | None = None, ahead: int | None = None
) -> Iterator[Result]:
    """Yield the result for every item, in order.

    Parameters
    ----------
    work : callable
        Called from several threads.
    items : iterable
        Consumed as needed.
    threads : int, optional
        By default, as many as this process may use.
    ahead : int, optional
        How many items may be started beyond the one to be yielded next, and so how many results may be in memory. By
        default, twice the number of threads.
    """
    count = threads or available_threads()
    limit = 2 * count if ahead is None else ahead
    running: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(count, thread_name_prefix="lungct") as pool:
        try:
            for item in items:
                running.append(pool.submit(work, item))
                if len(running) > limit:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:  # the caller stopped early: drop the rest
            for future in running:
                future.cancel()
