"""Stage 1 against lungmask's network, which runs on PyTorch in a process beside this one."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lungct.lungseg import LungSegmenter
from lungct.sources import read_scan

from ..common.examples import CT_SLICE, ROOT
from ..common.sections import Row, Section
from ..common.timing import Contender, Skipped, race
from .settings import Figures, Settings

MODULE = "benchmarks.speed.lungmask_unet"

NAME = "lungmask's network, 256 x 256, PyTorch, batch 1"

OURS = "LungSegmenter.segment, one slice of 512 x 512"


class Lungmask:
    """The process that runs the network."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.greeting = self._answer()

    def run(self) -> dict[str, Any]:
        """Run it once, and return its answer."""
        if self._process.stdin is None:
            raise RuntimeError(f"{MODULE} was started without a standard input")
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError(f"{MODULE} ended early; its message stands above")
        return dict(json.loads(line))


@contextmanager
def lungmask(python: str) -> Iterator[Lungmask | Skipped]:
    """Run the network in an interpreter that has PyTorch and lungmask, and end it afterwards."""
    found = shutil.which(python)
    if found is None:
        yield Skipped(NAME, f"there is no {python}")
        return
    command = [str(Path(found).absolute()), "-m", MODULE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
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
