"""Define `Store`, which keeps a batch's rows so that it can be killed at any time and resumed.

Rows go to a journal, one line of JSON per input; every thousand rows move to a Parquet file, which is written
atomically. An input counts as finished once its row is in the journal or a Parquet file. A second file lists the inputs
that were started: those started but not finished when a process died may have crashed it.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from ...common.whole_files import whole_file
from .listing import Item
from .locks import StoreError, part_locked, require_batch_extra

Row = Mapping[str, Any]

PART_ROWS = 1000
"""Rows per Parquet file; the last one of a run may have fewer."""

SECONDS = 1.0
"""Seconds between fsyncs of the journal. Only if the machine stops can more than one line be lost."""

TYPES = ("string", "double", "int64", "bool", "list<string>")
"""Allowed column types."""


class Store:
    """Rows by input, stored in a folder.

    Use it as a context manager: it locks its shard of the folder, and on success writes the remaining rows.

    Parameters
    ----------
    folder : Path
        Created if missing. Rows are in ``predictions/part-*.parquet``, or in the subfolder `name`.
    columns : mapping of str to str
        Names and types of the columns, see `TYPES`, including ``key``.
    shard : tuple of int
        Number of this shard, from 1, and number of shards.
    name : str
        Name of the subfolder for the Parquet files.

    Attributes
    ----------
    done, failed : set of str
        Keys of the inputs that have rows, and of those among them with an ``error``.
    suspects : set of str
        Keys of inputs that were in progress when an earlier process died.
    work : Path
        Folder for unfinished files; emptied when the store is opened.

    Raises
    ------
    StoreError
        When another process writes to the same or an overlapping shard of the folder.
    MissingPackageError
        When packages are missing.
    """

    def __init__(
        self, folder: Path, columns: Mapping[str, str], shard: tuple[int, int] = (1, 1), name: str = "predictions"
    ) -> None:
        require_batch_extra()
        self.parts = folder / name
        self.columns = dict(columns)
        self._shard = "{}of{}".format(*shard)
        self._home = folder / ".lungct" / f"{name}-{self._shard}"
        self.work = self._home / "work"
        self._rows: list[Row] = []
        self.done: set[str] = set()
        self.failed: set[str] = set()
        self.suspects: set[str] = set()

    def __enter__(self) -> Store:
        self.parts.mkdir(parents=True, exist_ok=True)
        self._home.mkdir(parents=True, exist_ok=True)
        with ExitStack() as opening:
            opening.enter_context(part_locked(self._home))
            shutil.rmtree(self.work, ignore_errors=True)
            self.work.mkdir()
            for row in self.rows(["key", "error"] if "error" in self.columns else ["key"]):
                self._count(row)
            self._journal = opening.enter_context((self._home / "journal.jsonl").open("ab+"))
            self._recover()
            self._begun = opening.enter_context((self._home / "begun").open("ab+", buffering=0))
            self._begun.seek(0)
            self.suspects = {*self._begun.read().decode(errors="replace").split()} - self.done
            self._open = opening.pop_all()
        self._synchronised = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._open:
            if kind is None:
                self._write_part()
            self._begun.truncate(0)  # no input crashed this process

    def begin(self, key: str) -> None:
        """Record that an input is in progress, until it is done or this process ends normally. Thread-safe."""
        self._begun.write(f"{key}\n".encode())  # appended unbuffered, so lines can't mix

    def add(self, key: str, rows: Sequence[Row]) -> None:
        """Store the rows of an input, which is done from then on.

        Parameters
        ----------
        key : str
            Key of the input.
        rows : sequence of mapping
            At least one row of JSON types; ``key`` is added. Missing columns are empty.
        """
        if not rows:
            raise ValueError(f"input {key} has no rows, so it would be processed again; give at least one")
        self._rows += [_writable({**row, "key": key}) for row in rows]
        for row in self._rows[-len(rows) :]:
            self._count(row)
        self._journal.write(json.dumps(self._rows[-len(rows) :]).encode() + b"\n")
        self._journal.flush()
        now = time.monotonic()
        if now - self._synchronised > SECONDS:
            os.fsync(self._journal.fileno())
            self._synchronised = now
        if len(self._rows) >= PART_ROWS:
            self._write_part()

    def rows(self, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """Yield all rows in Parquet files, from all shards; rows of this one are complete once it is closed."""
        for path in sorted(self.parts.glob("part-*.parquet")):
            yield from _read_part(path, columns).to_pylist()

    def _count(self, row: Row) -> None:
        self.done.add(row["key"])
        if row.get("error"):
            self.failed.add(row["key"])

    def check_same(self, items: Sequence[Item], extras: Mapping[str, str]) -> None:
        """Compare the table columns stored for finished inputs with the current ones.

        Raises
        ------
        StoreError
            When a table has changed since.
        """
        now = {item.key: item.extra for item in items} if extras else {}
        for row in self.rows(["key", *extras]) if now else ():
            wanted = now.get(row["key"], row)
            different = [name for name in extras if _writable(wanted.get(name)) != row[name]]
            if different:
                raise StoreError(
                    f"{self.parts.parent}: the table's column {different[0]} has changed since the rows were written "
                    f"({row[different[0]]} then, {wanted.get(different[0])} now). Give another --out, or use --redo"
                )

    def retry_failed(self) -> None:
        """Delete the rows of this shard's failed inputs, so that they are processed again."""
        import pyarrow.parquet

        for path in sorted(self.parts.glob(f"part-{self._shard}-*.parquet")):
            table = _read_part(path)
            kept = table.filter([key not in self.failed for key in table["key"].to_pylist()])
            if len(kept) < len(table):
                with whole_file(path) as aside:
                    pyarrow.parquet.write_table(kept, aside)
        self._rows = [row for row in self._rows if row["key"] not in self.failed]
        self._write_part()  # the others are still in the journal
        self.done -= self.failed
        self.failed.clear()

    def _recover(self) -> None:
        """Read the rows in the journal that are not in a Parquet file yet; skip incomplete or damaged lines."""
        self._journal.seek(0)
        lines = self._journal.readlines()
        good = [line for line in lines if rows_in(line)]
        for rows in map(rows_in, good):
            if rows[0]["key"] not in self.done:
                self._rows += rows
        for row in self._rows:
            self._count(row)
        if len(good) < len(lines):
            self._journal.truncate(0)
            self._journal.writelines(good)
            self._journal.flush()

    def _write_part(self) -> None:
        """Move the rows of the journal to a Parquet file."""
        import pyarrow
        import pyarrow.parquet

        if self._rows:
            schema = pyarrow.schema([(name, arrow_type(kind)) for name, kind in self.columns.items()])
            table = pyarrow.Table.from_pylist([*map(dict, self._rows)], schema=schema)
            there = [int(path.stem.rpartition("-")[2]) for path in self.parts.glob(f"part-{self._shard}-*.parquet")]
            with whole_file(self.parts / f"part-{self._shard}-{max(there, default=-1) + 1:05d}.parquet") as aside:
                pyarrow.parquet.write_table(table, aside)
        # If killed between these two steps, the journal repeats rows of the file; `_recover` skips them.
        self._journal.truncate(0)
        self._journal.seek(0)
        self._rows = []


def rows_in(line: bytes) -> list[Row]:
    """Return the rows in a journal line; none for an incomplete or damaged line, so its input is processed again."""
    try:
        rows = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return []
    if not isinstance(rows, list):
        return []
    whole = all(isinstance(row, dict) and isinstance(row.get("key"), str) for row in rows)
    return rows if whole else []


def _read_part(path: Path, columns: Sequence[str] | None = None) -> Any:
    """Read a Parquet file of rows as a table.

    Raises
    ------
    StoreError
        When the file is damaged.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_table(path, columns=columns and [*columns])
    except (pyarrow.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise StoreError(f"{path} is damaged ({reason}). Remove it; its inputs will be processed again") from error


def _writable(value: Any) -> Any:
    """Replace characters that can't be encoded as UTF-8 (file names may have some) in JSON types."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {name: _writable(part) for name, part in value.items()}
    return [*map(_writable, value)] if isinstance(value, list) else value


def arrow_type(kind: str) -> Any:
    """Return the PyArrow type for a name in `TYPES`."""
    import pyarrow

    return {
        "string": pyarrow.string(),
        "double": pyarrow.float64(),
        "int64": pyarrow.int64(),
        "bool": pyarrow.bool_(),
        "list<string>": pyarrow.list_(pyarrow.string()),
    }[kind]
