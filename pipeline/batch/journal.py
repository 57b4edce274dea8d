"""`Store`: where a batch keeps its rows, so that it can be killed at any time and resumed.

Rows go to a journal, a line of JSON an input, and every thousand rows to a Parquet file that appears whole. An input is
done once its row is in either. Beside the journal stands which inputs were begun: what is begun and not done when a
process dies may have killed it.
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
"""Rows of a Parquet file; the last of a run may have fewer."""

SECONDS = 1.0
"""Between two writes of the journal to the disk (fsync). Only a machine that stops loses more than a line."""

TYPES = ("string", "double", "int64", "bool", "list<string>")
"""What a column may hold."""


class Store:
    """Rows by input, in a folder.

    Use it as a context manager: it locks its part of the folder, and writes what is left when all went well.

    Parameters
    ----------
    folder : Path
        Made where missing. Rows stand in ``predictions/part-*.parquet``, or under the name given.
    columns : mapping of str to str
        Names and types of the columns, see `TYPES`; ``key`` is among them.
    shard : tuple of int
        Which of how many parts of the work this is, from 1.
    name : str
        Of the folder of the Parquet files.

    Attributes
    ----------
    done, failed : set of str
        Keys of the inputs whose rows are there, and of those with an ``error`` among them.
    suspects : set of str
        Keys of inputs that were in progress when an earlier process died, instead of ending.
    work : Path
        For files that are not whole yet; emptied when the store is opened.

    Raises
    ------
    StoreError
        When another process writes the same part of the same folder, or one that overlaps.
    MissingPackageError
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
            self._begun.truncate(0)  # this process did not die of an input

    def begin(self, key: str) -> None:
        """Remember that an input is in progress, until it is done or this process ends by itself; thread-safe."""
        self._begun.write(f"{key}\n".encode())  # at the end and unbuffered, so in one piece

    def add(self, key: str, rows: Sequence[Row]) -> None:
        """Keep the rows of an input; from now on it is done.

        Parameters
        ----------
        key : str
            Of the input.
        rows : sequence of mapping
            At least one, of JSON types; ``key`` is added. Absent columns are empty.
        """
        if not rows:
            raise ValueError(f"an input without rows would be done again: {key}")
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
        """Yield all rows that are in Parquet files: of every part of the work, once this one is closed."""
        for path in sorted(self.parts.glob("part-*.parquet")):
            yield from _read_part(path, columns).to_pylist()

    def _count(self, row: Row) -> None:
        self.done.add(row["key"])
        if row.get("error"):
            self.failed.add(row["key"])

    def check_same(self, items: Sequence[Item], extras: Mapping[str, str]) -> None:
        """Compare what tables said of inputs that are done with what they say now.

        Raises
        ------
        StoreError
            When a table was changed since.
        """
        now = {item.key: item.extra for item in items} if extras else {}
        for row in self.rows(["key", *extras]) if now else ():
            wanted = now.get(row["key"], row)
            different = [name for name in extras if _writable(wanted.get(name)) != row[name]]
            if different:
                raise StoreError(
                    f"{self.parts.parent}: the table says otherwise of {different[0]} than when its rows were made "
                    f"({row[different[0]]} then, {wanted.get(different[0])} now). Give another --out, or --redo"
                )

    def retry_failed(self) -> None:
        """Forget the rows of inputs of this part of the work that failed: they are to be done again."""
        import pyarrow.parquet

        for path in sorted(self.parts.glob(f"part-{self._shard}-*.parquet")):
            table = _read_part(path)
            kept = table.filter([key not in self.failed for key in table["key"].to_pylist()])
            if len(kept) < len(table):
                with whole_file(path) as aside:
                    pyarrow.parquet.write_table(kept, aside)
        self._rows = [row for row in self._rows if row["key"] not in self.failed]
        self._write_part()  # the journal holds the others still
        self.done -= self.failed
        self.failed.clear()

    def _recover(self) -> None:
        """Take up the lines of the journal that are in no Parquet file; one that is torn or damaged is left out."""
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
        # Killed between these two, the journal repeats what is in the file: `_recover` leaves it out.
        self._journal.truncate(0)
        self._journal.seek(0)
        self._rows = []


def rows_in(line: bytes) -> list[Row]:
    """Return the rows of a line of the journal; none of one that is torn or damaged: its input is done again."""
    try:
        rows = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return []
    if not isinstance(rows, list):
        return []
    whole = all(isinstance(row, dict) and isinstance(row.get("key"), str) for row in rows)
    return rows if whole else []


def _read_part(path: Path, columns: Sequence[str] | None = None) -> Any:
    """Return a Parquet file of rows as a table.

    Raises
    ------
    StoreError
        When it is damaged.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_table(path, columns=columns and [*columns])
    except (pyarrow.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise StoreError(f"{path} is damaged ({reason}). Remove it: what it held is done again") from error


def _writable(value: Any) -> Any:
    """Return JSON types with words that any file can hold: names of files may be no words at all."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {name: _writable(part) for name, part in value.items()}
    return [*map(_writable, value)] if isinstance(value, list) else value


def arrow_type(kind: str) -> Any:
    """Return PyArrow's type of a name in `TYPES`."""
    import pyarrow

    return {
        "string": pyarrow.string(),
        "double": pyarrow.float64(),
        "int64": pyarrow.int64(),
        "bool": pyarrow.bool_(),
        "list<string>": pyarrow.list_(pyarrow.string()),
    }[kind]
