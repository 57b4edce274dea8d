"""Run batches on a Ray cluster with Ray Data: `predict_dataset`, and the workers of ``lungct batch --ray``.

Tasks read inputs, and a pool of actors, one per processor, runs the networks. When an actor or a task dies, Ray starts
another one and repeats its work.
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
"""Processors reserved for an actor and for a reading task: together one, so that both fit on a one-processor node."""

RESUME = "Finished rows are kept: run the same command again to resume"

GROUP = 32
"""Most pictures per group. Smaller groups cost the driver more time; larger ones lose more work when interrupted."""


def predict_dataset(
    ds: Any,
    settings: PipelineSettings = DEFAULTS,
    *,
    path_column: str | None = None,
    actors: int | None = None,
) -> Any:
    """Predict the inputs in a Ray Dataset, lazily like all Ray Data operations.

    Parameters
    ----------
    ds : ray.data.Dataset
        One input per row.
    settings : PipelineSettings
        How the inputs are predicted; each actor uses one thread.
    path_column : str, optional
        The column with the inputs: paths that every node can read, URLs, file contents (bytes), or arrays
        (height, width), (height, width, 3 or 4) or (slices, height, width). By default, the first of "source", "path",
        "file", "image" and "filename" that exists.
    actors : int, optional
        Number of processes with the networks, each with three quarters of a processor; leave room for the tasks that
        produce `ds`. By default, Ray Data starts between one and the current number of processors as it finds room,
        which may take a while and needs at least two processors.

    Returns
    -------
    ray.data.Dataset
        With the columns ``label`` (string), ``probability`` and ``lung_fraction`` (double, 0 to 1), ``warnings`` (list
        of string) and ``error`` (string) added, or replaced if they exist; null if not applicable. An input that can't
        be read gives a row with an error. The order of rows may change, unless
        ``DataContext.execution_options.preserve_order`` is set.

    Raises
    ------
    StoreError
        When Ray is missing.
    ValueError
        When the column doesn't exist.

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
        raise ValueError(f"the dataset has no column {column!r}, only {', '.join(columns)}: name it with path_column")
    home = str(Path.cwd())
    read = _read(ds, read_rows, column=column, settings=settings, home=home)
    job = (Path(), Path(), BatchSettings(**vars(settings)), home)
    fewest, most = (actors, actors) if actors else (1, processors())  # `ds` needs processors too
    return _judged(read, RowJudge, job, fewest, most)


def on_ray(address: str) -> Workers:
    """Return `workers` for `run_batch` that process inputs on a Ray cluster.

    Parameters
    ----------
    address : str
        "auto" for the cluster that this machine belongs to, "local" for a temporary one, or an address; see
        `lungct.pipeline.cluster.joining.joined`.
    """
    return partial(predict_items, address=address)


def predict_items(
    items: Sequence[Item], folder: Path, work: Path, settings: BatchSettings, address: str
) -> Generator[tuple[str, list[Row]], None, None]:
    """Predict the inputs of a batch on a cluster.

    Parameters
    ----------
    items : sequence of Item
    folder, work : Path
        Folders for results and for unfinished files. Every node must be able to access them if `settings` request
        files.
    settings : BatchSettings
        Its `threads` apply to a local cluster.
    address : str
        See `on_ray`.

    Yields
    ------
    key : str
        Key of each item, once, in the order in which they finish.
    rows : list of dict

    Raises
    ------
    StoreError
        When Ray is missing or fails, or there is no cluster. Rows already yielded remain valid.
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
                if row["key"] in left:  # retried work must not give a second row
                    left.remove(row["key"])
                    yield row["key"], [json.loads(row["row"])]
        except ray.exceptions.RayError as error:
            raise StoreError(f"Ray failed ({_reason(error)}). {RESUME}") from error
    if left:
        raise StoreError(f"Ray lost {len(left)} inputs. {RESUME}")


def grouped(items: Sequence[Item], processors: int) -> Iterator[list[Item]]:
    """Yield groups of items: volumes alone, pictures together, small enough that every actor gets many groups."""
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
    )  # Ray Data itself restarts actors and repeats their work


def _reason(error: Exception) -> str:
    """Return the last line of a Ray error, which is the actual reason."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
