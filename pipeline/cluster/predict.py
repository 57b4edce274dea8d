"""Batches on a Ray cluster, on Ray Data: `predict_dataset`, and what ``lungct batch --ray`` does.

Reading runs in tasks, the networks in a pool of actors, one a processor. When an actor or a task dies, Ray starts
another, and repeats what it was given.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..batch.journal import Row
from ..batch.listing import SOURCE_COLUMNS, Item
from ..batch.locks import StoreError
from ..batch.run import Workers
from ..batch.settings import BatchSettings
from ..settings import DEFAULTS, PipelineSettings
from .actors import ItemJudge, Judge, RowJudge, is_volume, read_items, read_rows
from .joining import joined, processors, require_ray

ACTOR, READER = 0.75, 0.25
"""Processors booked for an actor and for a task that reads for it: together one, so that a node of one holds both."""

GROUP = 32
"""Most pictures handed out at once. Fewer cost more time of the driver, more are lost to an interruption."""


def predict_dataset(
    ds: Any,
    settings: PipelineSettings = DEFAULTS,
    *,
    path_column: str | None = None,
    actors: int | None = None,
) -> Any:
    """Judge the inputs in a Ray Dataset; lazy, as all of Ray Data is.

    Parameters
    ----------
    ds : ray.data.Dataset
        A row an input.
    settings : PipelineSettings
        How the inputs are judged; each actor takes one thread.
    path_column : str, optional
        The column with the inputs: paths that every node can read, URLs, the contents of files (bytes), or arrays
        (height, width), (height, width, 3 or 4) or (slices, height, width). By default the first of "source", "path",
        "file", "image" and "filename" that is there.
    actors : int, optional
        How many processes hold the networks, each with three quarters of a processor; leave room for what makes `ds`.
        By default from one to one for each processor that the cluster has now, as Ray Data finds room: that may take
        a while, and two processors at least.

    Returns
    -------
    ray.data.Dataset
        With the columns ``label`` (string), ``probability`` and ``lung_fraction`` (double, 0 to 1), ``warnings`` (list
        of string) and ``error`` (string) added, empty where there is nothing to say; in place of columns so named, if
        any. What can't be read is a row with an error. Rows may come in another order, unless
        ``DataContext.execution_options.preserve_order`` is set.

    Raises
    ------
    StoreError
        When Ray is missing.
    ValueError
        When the column is not there.

    Examples
    --------
    >>> import ray
    >>> from lungct.pipeline.cluster import predict_dataset
    >>> ds = ray.data.read_csv("s3://hospital/slices.csv")  # doctest: +SKIP
    >>> predict_dataset(ds, path_column="path").write_parquet("s3://hospital/predictions")  # doctest: +SKIP
    """
    require_ray()
    columns = ds.columns() or []
    column = path_column or next((name for name in SOURCE_COLUMNS if name in columns), "source")
    if columns and column not in columns:
        raise ValueError(f"the dataset has no column {column!r}, but {', '.join(columns)}: name it with path_column")
    home = str(Path.cwd())
    read = _read(ds, read_rows, column=column, settings=settings, home=home)
    job = (Path(), Path(), BatchSettings(**vars(settings)), home)
    fewest, most = (actors, actors) if actors else (1, processors())  # all at once, they'd leave `ds` no processor
    return _judged(read, RowJudge, job, fewest, most)


def on_ray(address: str) -> Workers:
    """Return who does the work of a batch on a Ray cluster: the `workers` of `run_batch`.

    Parameters
    ----------
    address : str
        "auto" for the cluster this machine belongs to, "local" for one made for the batch, or where it is: see
        `lungct.pipeline.cluster.joining.joined`.
    """
    return partial(predict_items, address=address)


def predict_items(
    items: Sequence[Item], folder: Path, work: Path, settings: BatchSettings, address: str
) -> Generator[tuple[str, list[Row]], None, None]:
    """Judge the inputs of a batch on a cluster.

    Parameters
    ----------
    items : sequence of Item
    folder, work : Path
        Of the results; of files that are not whole yet. Every node must see them where `settings` ask for files.
    settings : BatchSettings
        Its `threads` are those of a local cluster.
    address : str
        See `on_ray`.

    Yields
    ------
    key : str
        Of each item once, in the order in which they are ready.
    rows : list of dict

    Raises
    ------
    StoreError
        When Ray is missing or fails, or there is no cluster. What was yielded stays valid.
    """
    if not items:
        return
    ray = require_ray()
    home = str(Path.cwd())
    left = {item.key for item in items}
    with joined(address, settings.threads) as count:
        groups = [{"items": pickle.dumps(group)} for group in grouped(items, count)]
        ds = ray.data.from_items(groups, override_num_blocks=len(groups))
        read = _read(ds, read_items, settings=settings, home=home)
        job = (folder.absolute(), work.absolute(), settings, home)
        try:
            for row in _judged(read, ItemJudge, job, count, count).iter_rows():
                if row["key"] in left:  # repeated work must not make a second row
                    left.remove(row["key"])
                    yield row["key"], [json.loads(row["row"])]
        except ray.exceptions.RayError as error:
            raise StoreError(f"Ray failed ({_reason(error)}). What is done stays: run the same again") from error
    if left:
        raise StoreError(f"Ray lost {len(left)} inputs. What is done stays: run the same again")


def grouped(items: Sequence[Item], processors: int) -> Iterator[list[Item]]:
    """Yield what is handed out at once: volumes alone, pictures together, so that every actor gets many such groups."""
    size = min(GROUP, max(1, len(items) // (8 * processors)))
    group: list[Item] = []
    for item in items:
        if is_volume(item):
            yield [item]
            continue
        group.append(item)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def _read(ds: Any, read: Any, **keywords: Any) -> Any:
    return ds.map_batches(
        read, batch_format="pyarrow", batch_size=None, zero_copy_batch=True, num_cpus=READER, fn_kwargs=keywords
    )


def _judged(ds: Any, judge: type[Judge], job: tuple[Any, ...], fewest: int, most: int) -> Any:
    import ray.data

    return ds.map_batches(
        judge,
        batch_format="pyarrow",
        batch_size=None,
        zero_copy_batch=True,
        fn_constructor_args=job,
        compute=ray.data.ActorPoolStrategy(min_size=fewest, max_size=most),
        num_cpus=ACTOR,
    )  # Ray Data restarts actors and repeats their work by itself


def _reason(error: Exception) -> str:
    """Return the last line of what Ray says, which is what went wrong."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
