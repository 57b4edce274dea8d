"""A job: inputs that are worked on side by side, each one's rows kept as soon as they are there."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain

from ...common.threads import as_ready
from .alone import Work, work_alone
from .journal import Row, Store
from .listing import Item
from .progress import Progress


@dataclass(frozen=True)
class Counts:
    """How a job went.

    Parameters
    ----------
    inputs : int
        All there are.
    before : int
        Done by an earlier run.
    done : int
        By this run.
    failed : int
        With an error, of this run and earlier ones.
    seconds : float
    """

    inputs: int
    before: int
    done: int
    failed: int
    seconds: float


def run_job(items: Sequence[Item], work: Work, store: Store, progress: Progress, threads: int) -> Counts:
    """Work on every input that is not done; on those that may have ended an earlier process, in processes of their own.

    Parameters
    ----------
    items : sequence of Item
    work : callable
    store : Store
        Open; it knows what is done.
    progress : Progress
    threads : int
        Inputs worked on side by side.
    """

    def rows_of(item: Item) -> Sequence[Row]:
        store.begin(item.key)
        return work(item, store.work)

    def rows_of_suspect(item: Item) -> Sequence[Row]:
        store.begin(item.key)
        return work_alone(work, item, store.work)

    todo = pending(items, store)
    suspects = [item for item in todo if item.key in store.suspects]
    others = [item for item in todo if item.key not in store.suspects]
    with closing(as_ready(rows_of, others, threads)) as ready:  # when it stops, no work goes on behind it
        results = chain(((item, rows_of_suspect(item)) for item in suspects), ready)
        return keep(((item.key, rows) for item, rows in results), items, store, progress)


def pending(items: Sequence[Item], store: Store) -> list[Item]:
    """Return the inputs that are not done."""
    return [item for item in items if item.key not in store.done]


def keep(
    results: Iterable[tuple[str, Sequence[Row]]], items: Sequence[Item], store: Store, progress: Progress
) -> Counts:
    """Store the rows of one input after another, and show how it goes."""
    begun = time.monotonic()
    before = sum(item.key in store.done for item in items)
    done = 0
    with progress.over(len(items), before):
        for key, rows in results:
            store.add(key, rows)
            errors = [row["error"] for row in rows if row.get("error")]
            done += 1
            progress.step(errors[0] if errors else None)
    failed = sum(item.key in store.failed for item in items)
    return Counts(len(items), before, done, failed, time.monotonic() - begun)
