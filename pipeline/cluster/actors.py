"""Code for the nodes of a Ray cluster: tasks read inputs, and actors that keep the networks open predict them.

Both work on Arrow tables. Tasks pass two columns to actors: the pixels as raw bytes, which the actor uses directly in
Ray's shared memory, and everything else pickled. Volumes are not passed on; the actor reads them itself, see
`is_volume`.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Iterator
from contextlib import AbstractContextManager, chdir, nullcontext
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...sources import DicomSeries, Scan, SourceError
from ...sources.formats import may_hold_many
from ..batch.journal import Row, arrow_type
from ..batch.listing import Item
from ..batch.predictor import COLUMNS, Predictor
from ..batch.settings import BatchSettings
from ..settings import PipelineSettings
from .attempts import TRIES, attempt
from .values import Reader, item_of, reader_of

PIXELS, FACTS = "lungct_pixels", "lungct_facts"
"""Columns passed from tasks to actors."""

FOUND = ("label", "probability", "lung_fraction", "warnings", "error")
"""Columns that `predict_dataset` adds."""


def read_items(table: Any, settings: PipelineSettings, home: str) -> Iterator[Any]:
    """Read groups of items.

    Parameters
    ----------
    table : pyarrow.Table
        With a column ``items`` of pickled lists of `Item`.
    settings : PipelineSettings
    home : str
        Base folder of relative paths.

    Yields
    ------
    pyarrow.Table
        One row per item, with the columns `PIXELS` and `FACTS`.
    """
    for group in table["items"]:
        for item in pickle.loads(group.as_py()):  # noqa: S301 - packed by this job's driver
            yield _packed(item, *_read(item, reader_of(item, settings), home))


def read_rows(table: Any, column: str, settings: PipelineSettings, home: str) -> Iterator[Any]:
    """Read the inputs that a column of a user's table names or contains.

    Parameters
    ----------
    table : pyarrow.Table
    column : str
        Column of paths, URLs, file contents (bytes) or arrays.
    settings : PipelineSettings
    home : str
        Base folder of relative paths.

    Yields
    ------
    pyarrow.Table
        One row at a time, with the columns `PIXELS` and `FACTS` added.
    """
    for index in range(len(table)):
        one = table.slice(index, 1)
        item, reader = item_of(one[column][0].as_py(), settings)
        packed = _packed(item, *_read(item, reader, home))
        # FACTS is unpickled later, so a user's column of that name must be dropped.
        one = one.drop_columns([name for name in packed.column_names if name in one.column_names])
        for name in packed.column_names:
            one = one.append_column(name, packed[name])
        yield one


class Judge:
    """An actor, which opens the networks once and turns the inputs that were read into rows.

    Parameters
    ----------
    folder, work : Path
        Folders for results and for unfinished files. Every node must be able to access them if `settings` request
        files.
    settings : BatchSettings
    home : str
        Base folder of relative paths.
    """

    def __init__(self, folder: Path, work: Path, settings: BatchSettings, home: str) -> None:
        pipe = replace(settings, threads=1).open()  # one actor per processor
        self._predictor = Predictor(pipe, folder, settings)
        self._work = work
        self._home = home

    def rows(self, table: Any) -> Iterator[tuple[Item, Row]]:
        """Yield each input with its row."""
        for pixels, facts in zip(table[PIXELS], table[FACTS], strict=True):
            packed = facts.as_py()
            item, rest, row = pickle.loads(packed)  # noqa: S301 - packed by `_packed`
            with attempt(_task(), packed) as fit, _within(self._home):
                found = self._row(item, rest, row, pixels) if fit else _deadly(item)
            yield item, found

    def _row(self, item: Item, rest: dict[str, Any] | None, row: Row, pixels: Any) -> Row:
        if rest is not None:
            values = np.frombuffer(pixels.as_buffer(), dtype=np.float32).reshape(rest.pop("shape"))
            return self._predictor.judge(item, Scan(values, **rest), row, self._work)
        if row:  # it could not be read
            return row
        (found,) = self._predictor(item, self._work)
        return found


class ItemJudge(Judge):
    """An actor that returns the key and the row of each item as JSON, for the journal."""

    def __call__(self, table: Any) -> Iterator[Any]:
        """Yield tables with the columns ``key`` and ``row``, one input each."""
        import pyarrow

        for item, row in self.rows(table):
            yield pyarrow.table({"key": [item.key], "row": [json.dumps(row)]})


class RowJudge(Judge):
    """An actor that adds the columns in `FOUND` to a user's table."""

    def __call__(self, table: Any) -> Iterator[Any]:
        """Yield tables with the columns added, one input each."""
        import pyarrow

        carried = table.drop_columns([name for name in table.column_names if name in (PIXELS, FACTS, *FOUND)])
        for index, (_, row) in enumerate(self.rows(table)):
            one = carried.slice(index, 1)
            for name in FOUND:
                one = one.append_column(name, pyarrow.array([row.get(name)], arrow_type(COLUMNS[name])))
            yield one


def is_volume(item: Item) -> bool:
    """Tell whether the actor reads an input itself: files on disk that have, or may have, many slices.

    300 slices are 315 MB. Passing on a volume took 0.7 to 2.5 s as raw bytes and 14 s pickled, and needs shared memory
    for several. As all processors are predicting, tasks would not read them any sooner.
    """
    source = item.source
    if isinstance(source, DicomSeries):
        return len(source.files) > 1
    return isinstance(source, Path) and (may_hold_many(source.name) or source.is_dir())


def _read(item: Item, reader: Reader, home: str) -> tuple[Scan | None, Row]:
    """Return a scan and its row, or a row with an error; None and an empty row if the actor will read it."""
    with attempt(_task(), pickle.dumps(item)) as fit, _within(home):
        if not fit:
            return None, _deadly(item)
        return (None, {}) if is_volume(item) else reader()


def _packed(item: Item, scan: Scan | None, row: Row) -> Any:
    """Return a table of one row: the pixels, and everything else pickled."""
    import pyarrow

    pixels, rest = np.zeros(0, np.float32), None
    if scan is not None:
        pixels = np.ascontiguousarray(scan.pixels)
        rest = {field.name: getattr(scan, field.name) for field in fields(scan) if field.name != "pixels"}
        rest |= {"shape": pixels.shape, "metadata": dict(scan.metadata)}
    return pyarrow.table({PIXELS: _as_bytes(pixels), FACTS: [pickle.dumps((item, rest, dict(row)))]})


def _as_bytes(pixels: np.ndarray[Any, Any]) -> Any:
    """Return the pixels as an Arrow array with one value, without copying them."""
    import pyarrow

    ends = np.array([0, pixels.nbytes], dtype=np.int64)
    buffers = [None, pyarrow.py_buffer(ends), pyarrow.py_buffer(pixels)]
    return pyarrow.Array.from_buffers(pyarrow.large_binary(), 1, buffers)


def _task() -> str:
    """Return the ID of the current Ray task, which stays the same when Ray retries it."""
    import ray

    return str(ray.get_runtime_context().get_task_id())


def _deadly(item: Item) -> Row:
    error = SourceError(item.name, f"crashed its process {TRIES} times", "Predict it alone, with more memory")
    return {**item.extra, "source": item.name, "error": str(error)}


def _within(home: str) -> AbstractContextManager[None]:
    """Change to the driver's working folder, if this node has it, so that paths in errors are the same."""
    return chdir(home) if os.path.isdir(home) else nullcontext()  # noqa: PTH112
