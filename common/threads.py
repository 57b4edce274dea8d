"""Work on many items side by side, a thread each: NumPy, SciPy, Pillow and the engines all let other threads run."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def available_threads() -> int:
    """Return how many processor threads this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def as_ready(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int | None = None
) -> Generator[tuple[Item, Result], None, None]:
    """Yield every item and its result as soon as it is there: one that takes long keeps no other waiting.

    Parameters
    ----------
    work : callable
        Called from several threads.
    items : iterable
        Drawn as they are needed.
    threads : int, optional
        By default as many as this process may use.
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
        finally:  # nobody waits for the rest any more
            for future in running:
                future.cancel()


def _finished(running: dict[Future[Result], Item]) -> Iterator[tuple[Item, Result]]:
    """Wait until at least one is done, and take out what is."""
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
        Drawn as they are needed.
    threads : int, optional
        By default as many as this process may use.
    ahead : int, optional
        How many items may be begun beyond the one that is waited for: so many results lie in memory. By default twice
        the threads.
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
        finally:  # nobody waits for the rest any more
            for future in running:
                future.cancel()
