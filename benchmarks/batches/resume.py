"""Kill a batch repeatedly; check that every row exists exactly once, and measure lost time and memory.

Run: python -m benchmarks.batches.resume FOLDER... --files 5000 --kills 10
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet
from rich.console import Console

from lungct.common.text import write_csv

from ..common.sections import Section

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".dcm")
NOT_COMPARED = ("read_ms", "predict_ms", "write_ms")


def make_table(folders: list[Path], count: int, work: Path, seed: int) -> Path:
    """Write a table of real files, repeated as often as needed, with one in a hundred truncated."""
    rng = np.random.default_rng(seed)
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        sys.exit(f"no pictures or DICOM slices in {', '.join(map(str, folders))}")
    chosen = [files[index] for index in np.resize(rng.permutation(len(files)), count)]
    for number in rng.choice(count, count // 100, replace=False):
        broken = work / f"broken-{number}{chosen[number].suffix}"
        broken.write_bytes(chosen[number].read_bytes()[: 100 + int(number) % 900])
        chosen[number] = broken
    table = work / f"{count}.csv"
    write_csv(table, ["path", "number"], ({"path": path, "number": number} for number, path in enumerate(chosen)))
    return table


def start(table: Path, out: Path) -> subprocess.Popen[bytes]:
    """Start the batch as a user does."""
    command = [sys.executable, "-m", "lungct.pipeline.commands.cli", "batch", str(table), "--out", str(out)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def finish(table: Path, out: Path) -> tuple[float, float]:
    """Run the batch to its end; return seconds and peak memory, MB."""
    begun = time.monotonic()
    process = start(table, out)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"the batch into {out} failed")
    return time.monotonic() - begun, usage.ru_maxrss * 1024 / 1e6


def rows(out: Path) -> list[str]:
    """Return every row without its times, sorted; probabilities are rounded, since they depend on thread order."""
    table = pyarrow.parquet.read_table(out / "predictions").drop_columns(list(NOT_COMPARED))
    return sorted(repr(row) for row in table.to_pylist())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(arguments, Path(folder))


def measure(arguments: argparse.Namespace, work: Path) -> None:
    """Run the batch unbroken, with few files, and killed."""
    table = make_table(arguments.folders, arguments.files, work, arguments.seed)
    few = make_table(arguments.folders, arguments.files // 10, work, arguments.seed)
    _, small_peak = finish(few, work / "few")
    seconds, peak = finish(table, work / "whole")
    again, _ = finish(table, work / "whole")  # everything is done, so this is the cost of starting
    rng = np.random.default_rng(arguments.seed)
    working = max(seconds - again, 0.0)  # with few files, the second run may take as long
    moments = np.diff(np.sort(np.append(rng.uniform(0, working, arguments.kills), 0)))
    spent = 0.0
    for moment in moments:
        begun = time.monotonic()
        process = start(table, work / "killed")
        time.sleep(again + float(moment))
        process.send_signal(signal.SIGKILL)
        process.wait()
        spent += time.monotonic() - begun
    spent += finish(table, work / "killed")[0]
    whole, killed = rows(work / "whole"), rows(work / "killed")
    lost = (spent - seconds - arguments.kills * again) / seconds
    left = [path for path in (work / "killed").rglob(".*") if path.is_file()]
    Section(
        "resume",
        f"{arguments.files} files, killed {arguments.kills} times",
        [
            {"": "rows of the unbroken run", "value": len(whole)},
            {
                "": "rows of the killed run; keys more than once",
                "value": f"{len(killed)}; {_repeated(work / 'killed')}",
            },
            {"": "rows that differ", "value": len({*whole} ^ {*killed})},
            {"": "half-written files left", "value": len(left)},
            {"": "seconds, unbroken", "value": seconds},
            {"": "seconds, killed, and starts", "value": f"{spent:.0f}; {arguments.kills} x {again:.2f}"},
            {"": "time lost beyond the starts", "value": f"{100 * lost:.1f} %"},
            {"": f"peak memory, MB: {arguments.files // 10} files", "value": small_peak},
            {"": f"peak memory, MB: {arguments.files} files", "value": peak},
        ],
    ).show(Console())


def _repeated(out: Path) -> int:
    keys = pyarrow.parquet.read_table(out / "predictions", columns=["key"])["key"].to_pylist()
    return len(keys) - len({*keys})


if __name__ == "__main__":
    main()
