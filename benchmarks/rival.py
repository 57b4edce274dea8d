"""Stage 1 against lungmask's network, which runs on PyTorch in a process beside this one."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sections import Row, Section
from settings import CT_SLICE, Figures, Settings
from timing import Contender, Skipped, race

from lungct.lungseg import LungSegmenter
from lungct.sources import read_scan

SCRIPT = Path(__file__).parent / "lungmask_unet.py"

NAME = "lungmask's network, 256 x 256, PyTorch, batch 1"

OURS = "LungSegmenter.segment, one slice of 512 x 512"


class Lungmask:
    """The process that runs the network."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.greeting = self._answer()

    def run(self) -> dict[str, Any]:
        """Have it run once, and return what it says."""
        if self._process.stdin is None:
            raise RuntimeError(f"{SCRIPT} was started without a standard input")
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError(f"{SCRIPT} ended early; its message stands above")
        return dict(json.loads(line))


@contextmanager
def lungmask(python: str) -> Iterator[Lungmask | Skipped]:
    """Start the network in an interpreter that has PyTorch and lungmask, and end it."""
    if shutil.which(python) is None:
        yield Skipped(NAME, f"there is no {python}")
        return
    with subprocess.Popen([python, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        started = Lungmask(process)
        missing = started.greeting.get("missing")
        yield Skipped(NAME, str(missing)) if missing else started


def measure_rival(settings: Settings, _figures: Figures) -> tuple[Section, Figures]:
    """Time stage 1, everything included, against lungmask's bare network."""
    segmenter, scan = LungSegmenter(), read_scan(CT_SLICE)
    contenders = [Contender(OURS, lambda: segmenter.segment(scan))]
    with lungmask(settings.torch_python) as other:
        if isinstance(other, Lungmask):
            contenders.append(Contender(NAME, other.run))
        timings = race(contenders, settings.rounds, 3 * settings.turn)
        peak = other.run()["peak_mb"] if isinstance(other, Lungmask) else None
    rows: list[Row] = [
        {"what": what, "ms a slice": timing.spread, "slices/s": 1000 / timing.ms} for what, timing in timings.items()
    ]
    measured = {"segment_ms": timings[OURS].ms}
    if isinstance(other, Skipped):
        rows.append({"what": NAME, "skipped": other.reason})
        return Section("rival", "Stage 1 against lungmask's network", rows), measured
    rows[0]["times as fast"] = timings[NAME].ms / timings[OURS].ms
    rows[1]["peak memory, MB"] = peak
    facts = other.greeting
    note = f"PyTorch {facts['torch']}, {facts['threads']} threads; without lungmask's reading, resizing and clean-up."
    measured["lungmask_ms"] = timings[NAME].ms
    return Section("rival", "Stage 1 against lungmask's network", rows, note), measured
