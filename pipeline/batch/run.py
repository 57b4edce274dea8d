"""Define `run_batch`, which predicts any number of inputs into a folder and can be killed and resumed at any time."""

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
"""Subfolder for the Parquet files."""

Workers = Callable[[Sequence[Item], Path, Path, BatchSettings], Generator[tuple[str, Sequence[Row]], None, None]]
"""A function that processes inputs elsewhere. It takes the items, the results folder, a folder for unfinished files and
the settings, and yields each item's key once, with its rows."""

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

    It can be killed at any time and resumed by the same call: no input is lost, and none gets two rows.

    Parameters
    ----------
    inputs : sequence of str or path
        See `lungct.pipeline.batch.listing.list_items`.
    out : path
        Receives ``predictions/*.parquet``, one row per input with the columns in `COLUMNS`; ``files/``, as requested by
        `settings`; and ``run.json``: settings, weights with checksums, machine, counts, seconds, checksum of all
        inputs.
    settings : BatchSettings
    shard : tuple of int
        Process only shard i of n, (i, n), counted from 1. Other machines can process the other shards, into the same
        folder or different ones.
    path_column : str, optional
        The path column in tables.
    redo : bool
        Delete the results of earlier runs in `out`.
    retry_failed : bool
        Process failed inputs again, for example after a server was down.
    workers : callable, optional
        Processes the inputs in place of this process's threads: ``lungct.pipeline.cluster.on_ray("auto")``.
    progress : Progress, optional
        By default, no progress is shown.

    Raises
    ------
    StoreError
        When `out` has results with other settings, or another process writes there.
    MissingPackageError
        When packages are missing.
    SourceError
        When a table of inputs can't be read; other problems with inputs become rows with an error.
    WeightsError
        When the networks can't be opened.
    OSError
        When results can't be written. Finished rows are kept; call it again to resume.
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
            with closing(results):  # on interruption, this stops the work elsewhere
                counts = keep(results, items, store, shown)
    record.end(counts, store)
    return counts
