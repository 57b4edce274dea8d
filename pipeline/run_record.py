"""The record of a batch: what ran with which settings on what; and the check that a batch goes on with the same."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..weights.threads import available_threads
from .digest import digest_of
from .job import Counts
from .store import Store, StoreError
from .whole_files import whole_file


class RunRecord:
    """``run.json`` in a folder of results, or ``run-2of8.json`` for a part of the work.

    Parameters
    ----------
    folder : Path
    settings : mapping
        Everything that decides the rows, JSON types: a batch is gone on with under the same settings alone.
    shard : tuple of int
        Which of how many parts of the work, from 1.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], shard: tuple[int, int] = (1, 1)) -> None:
        self._folder = folder
        self._path = folder / ("run.json" if shard == (1, 1) else "run-{}of{}.json".format(*shard))
        self._settings = json.loads(json.dumps({"lungct": version("lungct"), **settings}))
        self._sessions: list[dict[str, Any]] = []

    def begin(self) -> None:
        """Compare the settings with those of earlier runs into the folder, and write down that this one began.

        Raises
        ------
        StoreError
            When they differ, and in what.
        """
        for path in sorted(self._folder.glob("run*.json")):
            record = json.loads(path.read_text(encoding="utf-8"))
            different = sorted(_differences(record["settings"], self._settings))
            if different:
                raise StoreError(
                    f"{self._folder}: its results were made otherwise ({'; '.join(different)}). "
                    "Use the settings of then, another --out, or --redo to throw them away"
                )
            if path == self._path:
                self._sessions = record["sessions"]
        self._sessions.append({"started": _now(), "machine": _machine(), "finished": None})
        self._write({})

    def end(self, counts: Counts, store: Store) -> None:
        """Write down how it went, and a checksum over the checksums of all inputs."""
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


def _differences(then: Any, now: Any, name: str = "") -> list[str]:
    """Return what differs, by name."""
    if isinstance(then, dict) and isinstance(now, dict):
        keys = sorted({*then, *now})
        return [line for key in keys for line in _differences(then.get(key), now.get(key), f"{name}{key} ")]
    return [] if then == now else [f"{name.strip()}: {then} then, {now} now"]


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
