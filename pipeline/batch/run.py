"""`run_batch`: predictions of any number of inputs into a folder, which can be killed at any time and resumed."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from ...common.threads import available_threads
from .job import Counts, keep, pending, run_job
from .journal import Row, Store
from .listing import Item, list_items
from .predictor import COLUMNS, Predictor
from .progress import Progress
from .run_record import RunRecord, forget
from .settings import BatchSettings

PREDICTIONS = "predictions"
"""Folder of the Parquet files."""

Workers = Callable[[Sequence[Item], Path, Path, BatchSettings], Generator[tuple[str, Sequence[Row]], None, None]]
"""Who works on inputs elsewhere: from the items, the folder of results, one for files that are not whole yet, and the
settings, to each item's key once, with its rows."""

DEFAULTS = BatchSettings()


def run_batch(
    inputs: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    settings: BatchSettings = DEFAULTS,
    *,
    shard: tuple[int, int] = (1, 1),
    path_column: str | None = None,
    redo: bool = False,
    retry_failed: bool = False,
    workers: Workers | None = None,
    progress: Progress | None = None,
) -> Counts:
    """Predict every input that has no row yet.

    It can be killed at any time and called again: no input is lost, and none has two rows.

    Parameters
    ----------
    inputs : sequence of str or path
        See `lungct.pipeline.batch.listing.list_items`.
    out : path
        Gets ``predictions/*.parquet``, a row an input with the columns of `COLUMNS`; ``files/``, what `settings` ask
        for; and ``run.json``: settings, weights with checksums, machine, counts, seconds, checksum of all inputs.
    settings : BatchSettings
    shard : tuple of int
        Do only part i of n, (i, n), from 1: other machines do the others, into the same folder or one of their own.
    path_column : str, optional
        The column of paths in tables.
    redo : bool
        Throw away what is in `out` from earlier runs.
    retry_failed : bool
        Do inputs again that failed, such as those of a server that was down.
    workers : callable, optional
        Who does the work instead of this process's threads: ``lungct.pipeline.cluster.on_ray("auto")``.
    progress : Progress, optional
        Nothing is shown without.

    Raises
    ------
    StoreError
        When `out` holds results of other settings, or another process writes there.
    MissingPackageError
    SourceError
        When a table of inputs can't be read; anything else about inputs becomes a row.
    WeightsError
        When the networks can't be opened.
    OSError
        When results can't be written. What is done stays; call it again.
    """
    folder = Path(out)
    listing = list_items(inputs, path_column, COLUMNS, outside=folder, modality=settings.modality)
    items = listing.shard(*shard)
    settings.check_packages()
    threads = settings.threads or available_threads()
    pipe = settings.open(callers=threads)
    if redo:
        forget(folder, PREDICTIONS, shard)
    with Store(folder, {**COLUMNS, **listing.extras}, shard, PREDICTIONS) as store:
        made = {"command": "batch", "settings": asdict(settings.with_engine())}
        record = RunRecord(folder, {**made, "provenance": pipe.provenance, "columns": dict(listing.extras)}, shard)
        record.begin()
        store.check_same(items, listing.extras)
        if retry_failed:
            store.retry_failed()
        shown = progress or Progress.silent()
        if workers is None:
            counts = run_job(items, Predictor(pipe, folder, settings), store, shown, threads)
        else:
            results = workers(pending(items, store), folder, store.work, settings)
            with closing(results):  # an interruption ends the work elsewhere
                counts = keep(results, items, store, shown)
    record.end(counts, store)
    return counts
