"""Show progress: a bar on a terminal, plain lines elsewhere, or lines of JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

EVERY = 10.0
"""Seconds between plain lines."""


class Progress:
    """Show the numbers done and failed, the rate, and the time left.

    Parameters
    ----------
    console : rich.console.Console
        A terminal shows a bar; anything else gets a line every ten seconds.
    what : str
        Name of the work, such as "Predicting".
    as_json : bool
        Write lines of JSON instead: ``event`` ("start", "progress", "failed", "end"), ``time``, and the numbers.
    """

    def __init__(self, console: Console, what: str, *, as_json: bool = False) -> None:
        self._console = console
        self._what = what
        self._json = as_json
        self._bar: Bar | None = None
        self._task = TaskID(0)
        self._total = self._before = self._done = self._failed = 0
        self._begun = self._said = 0.0

    @classmethod
    def silent(cls) -> Progress:
        """Return a progress display that shows nothing."""
        return cls(Console(quiet=True), "")

    @contextmanager
    def over(self, total: int, before: int) -> Iterator[None]:
        """Show progress while work runs, given the total and the number done by earlier runs."""
        self._total, self._before, self._done, self._failed = total, before, 0, 0
        self._begun = self._said = time.monotonic()
        if self._json or not self._console.is_terminal:
            self._say("start")
            yield
            self._say("end")
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[failed]} failed, {task.fields[rate]:.1f}/s, left"),
            TimeRemainingColumn(elapsed_when_finished=True),
        )
        with Bar(*columns, console=self._console) as self._bar:
            self._task = self._bar.add_task(self._what, total=total, completed=before, failed=0, rate=0.0)
            yield

    def step(self, error: str | None) -> None:
        """Count one more input, and show its error if it has one."""
        self._done += 1
        if error is not None:
            self._failed += 1
            self._tell(error)
        if self._bar is not None:
            self._bar.update(self._task, advance=1, failed=self._failed, rate=self._rate)
        elif time.monotonic() - self._said >= EVERY:
            self._say("progress")

    @property
    def _rate(self) -> float:
        """Inputs per second in this run."""
        return self._done / max(time.monotonic() - self._begun, 1e-9)

    def _tell(self, error: str) -> None:
        if self._json:
            self._write({"event": "failed", "error": error})
        else:
            self._console.print(error, style="red", markup=False, emoji=False, soft_wrap=True)

    def _say(self, event: str) -> None:
        self._said = time.monotonic()
        done, rate = self._before + self._done, self._rate
        left = round((self._total - done) / rate) if self._done else None
        figures = {
            "done": done,
            "total": self._total,
            "failed": self._failed,
            "rate": round(rate, 2),
            "seconds_left": left,
        }
        if self._json:
            self._write({"event": event, **figures})
            return
        ahead = f", {left} s left" if left else ""
        line = f"{self._what}: {done} of {self._total}, {self._failed} failed, {rate:.1f}/s{ahead}"
        self._console.print(line, markup=False, emoji=False, highlight=False, soft_wrap=True)

    def _write(self, record: dict[str, Any]) -> None:
        line = json.dumps({"time": time.time(), "task": self._what, **record}, ensure_ascii=False)
        self._console.print(line, markup=False, emoji=False, highlight=False, soft_wrap=True)
