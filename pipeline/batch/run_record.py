"""Write the record of a batch (settings, machine, counts), and check that a resumed batch has the same settings."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ...common.threads import available_threads
from ...common.whole_files import whole_file
from .digest import digest_of
from .job import Counts
from .journal import Row, Store, rows_in
from .locks import StoreError, all_locked

FREE = ("threads",)
"""Settings that may change between runs, because they don't affect the rows."""

RECORD = re.compile(r"run(-\d+of\d+)?\.json")
"""File names of records."""


class RunRecord:
    """``run.json`` in a results folder, or ``run-2of8.json`` for a shard.

    Parameters
    ----------
    folder : Path
    settings : mapping
        Everything that affects the rows, as JSON types; a batch can only be resumed with the same settings, apart from
        `FREE`.
    shard : tuple of int
        Number of this shard, from 1, and number of shards.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], shard: tuple[int, int] = (1, 1)) -> None:
        self._folder = folder
        self._path = folder / ("run.json" if shard == (1, 1) else "run-{}of{}.json".format(*shard))
        self._settings = json.loads(json.dumps({"lungct": version("lungct"), **settings}))
        self._sessions: list[dict[str, Any]] = []

    def begin(self) -> None:
        """Compare the settings with those of earlier runs in the folder, and record the start of this one.

        Raises
        ------
        StoreError
            When they differ; the message says in what.
        """
        for path in records_in(self._folder):
            record = _read(path)
            different = sorted(_differences(record["settings"], self._settings))
            if different:
                raise StoreError(
                    f"{self._folder}: its results were made with other settings ({'; '.join(different)}). "
                    "Use the earlier settings, another --out, or --redo to delete the results"
                )
            if path == self._path:
                self._sessions = record["sessions"]
        self._sessions.append({"started": _now(), "machine": _machine(), "finished": None})
        self._write({})

    def end(self, counts: Counts, store: Store) -> None:
        """Record the counts, and a checksum of all inputs' checksums."""
        self._sessions[-1].update(finished=_now(), **asdict(counts))
        checksums, failed = {}, set()
        for row in store.rows(["key", "source", "input_sha256", "error"]):
            checksums[row["key"]] = f"{row['source']} {row['input_sha256']}"
            if row["error"]:
                failed.add(row["key"])
        inputs = {"count": len(checksums), "failed": len(failed), "sha256": digest_of([*checksums.values()])}
        self._write({"inputs": inputs, "seconds": sum(session.get("seconds", 0) for session in self._sessions)})

    def _write(self, more: Mapping[str, Any]) -> None:
        record = {"settings": self._settings, "sessions": self._sessions, **more}
        with whole_file(self._path) as aside:
            aside.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def records_in(folder: Path) -> list[Path]:
    """Return the paths of the run records in a folder."""
    return sorted(path for path in folder.glob("run*.json") if RECORD.fullmatch(path.name))


def forget(folder: Path, name: str, shard: tuple[int, int]) -> None:
    """Delete the rows in a folder, the files that they name, and the run records, but nothing else.

    Raises
    ------
    StoreError
        When a process is writing there, or for a single shard, which would delete the results of all.
    """
    if shard != (1, 1):
        raise StoreError("--redo would also delete the other shards' results. Give another --out, or empty it first")
    with all_locked(folder / ".lungct"):
        inside = folder.resolve()
        for path in _files_of(folder, name):
            if (inside / path).resolve().is_relative_to(inside):
                (inside / path).unlink(missing_ok=True)
        for place in (folder / name, folder / ".lungct"):
            shutil.rmtree(place, ignore_errors=True)
        for record in records_in(folder):  # last, because rows without a record would pass for any settings
            record.unlink()


def _files_of(folder: Path, name: str) -> Iterator[str]:
    """Yield the files named by rows, including rows in journals."""
    import pyarrow
    import pyarrow.parquet

    for part in (folder / name).glob("part-*.parquet"):
        try:
            wanted = [column for column in ("file", "files") if column in pyarrow.parquet.read_schema(part).names]
            rows = pyarrow.parquet.read_table(part, columns=wanted).to_pylist()
        except (pyarrow.ArrowException, OSError):  # the names in a damaged file are lost
            continue
        yield from _named_in(rows)
    for journal in (folder / ".lungct").glob(f"{name}-*/journal.jsonl"):
        for line in journal.read_bytes().split(b"\n")[:-1]:
            yield from _named_in(rows_in(line + b"\n"))


def _named_in(rows: list[Row]) -> Iterator[str]:
    for row in rows:
        yield from row.get("files") or ()
        if row.get("file"):
            yield row["file"]


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        record = None
    if not isinstance(record, dict) or not {"settings", "sessions"} <= set(record):
        raise StoreError(f"{path} is not a lungct run record. Give another --out")
    settings = record["settings"]
    if isinstance(settings, dict) and "model" in settings:  # its name up to version 0.1.0
        settings["provenance"] = settings.pop("model")
    return record


def _differences(then: Any, now: Any, name: str = "") -> list[str]:
    """Return the names of the values that differ, with both values."""
    if isinstance(then, dict) and isinstance(now, dict):
        keys = sorted({*then, *now}.difference(FREE))
        return [line for key in keys for line in _differences(then.get(key), now.get(key), f"{name}{key} ")]
    return [] if then == now else [f"{name.strip()}: {_said(then)} then, {_said(now)} now"]


def _said(value: Any) -> Any:
    return "not given" if value is None else value


def _machine() -> dict[str, Any]:
    return {
        "host": platform.node(),
        "system": platform.platform(),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "threads": available_threads(),
        "process": os.getpid(),
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
