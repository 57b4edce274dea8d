"""Run a job: process inputs in parallel, and store each input's rows as soon as they are ready."""

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
    """Counts of a finished job.

    Parameters
    ----------
    inputs : int
        Total number of inputs.
    before : int
        Inputs done by earlier runs.
    done : int
        Inputs done by this run.
    failed : int
        Inputs with an error, from this run and earlier ones.
    seconds : float
    """

    inputs: int
    before: int
    done: int
    failed: int
    seconds: float


def run_job(items: Sequence[Item], work: Work, store: Store, progress: Progress, threads: int) -> Counts:
    """Process all pending inputs; those that may have crashed an earlier run get separate processes.

    Parameters
    ----------
    items : sequence of Item
    work : callable
    store : Store
        An open store; it knows which inputs are done.
    progress : Progress
    threads : int
        Number of inputs to process in parallel.
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
    with closing(as_ready(rows_of, others, threads)) as ready:  # if it stops early, no work continues in the background
        results = chain(((item, rows_of_suspect(item)) for item in suspects), ready)
        return keep(((item.key, rows) for item, rows in results), items, store, progress)


def pending(items: Sequence[Item], store: Store) -> list[Item]:
    """Return the inputs that are not done yet."""
    return [item for item in items if item.key not in store.done]


def keep(
    results: Iterable[tuple[str, Sequence[Row]]], items: Sequence[Item], store: Store, progress: Progress
) -> Counts:
    """Store the rows of each input as it finishes, and show progress."""
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
