"""Work on many items side by side, a thread each: NumPy, SciPy, Pillow and the engines all let other threads run."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def available_threads() -> int:
    """Return how many processor threads this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(affinity(0)) if affinity else os.cpu_count() or 1


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
