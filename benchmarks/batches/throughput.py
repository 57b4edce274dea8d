"""Batches: inputs per second in every way to run one, the cost of storing rows, and an estimate for ten million slices.

Run: python -m benchmarks.batches.throughput --data FOLDER --count 200
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow.parquet
from rich.console import Console

from lungct.common.text import write_csv
from lungct.common.threads import available_threads
from lungct.pipeline import Pipeline
from lungct.pipeline.batch import COLUMNS, BatchSettings, run_batch
from lungct.pipeline.batch.journal import Store
from lungct.pipeline.batch.progress import Progress
from lungct.pipeline.batch.run import Workers
from lungct.pipeline.cluster import on_ray

from ..common.examples import SLICES
from ..common.machine import busy, describe
from ..common.sections import Row, Section
from ..common.timing import spread

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".dcm")
LOCAL, RAY = "run_batch, all threads", "run_batch on Ray, two nodes of one processor"
PLANNED = 10_000_000
NODE = {"num_cpus": 1, "object_store_memory": 500 << 20}


class Clock(Progress):
    """Records when each input was done."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True), "")
        self.times: list[float] = []

    def step(self, error: str | None) -> None:
        """Record the time."""
        super().step(error)
        self.times.append(time.perf_counter())


Way = Callable[[Clock], object]
"""Processes all inputs, and reports each to the clock."""


def choose(folder: Path, count: int) -> list[Path]:
    """Return this many files, evenly spread over a folder, repeated if there are fewer."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        sys.exit(f"no pictures or DICOM slices in {folder}")
    chosen = np.linspace(0, len(files) - 1, min(count, len(files))).astype(int)
    return [files[index] for index in np.resize(chosen, count)]


def write_table(files: Sequence[Path], path: Path) -> Path:
    """Write a table that names the files."""
    write_csv(path, ["path"], ({"path": file} for file in files))
    return path


@contextmanager
def two_nodes() -> Iterator[str]:
    """Yield the address of a Ray cluster of two nodes of one processor each."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    try:
        cluster.add_node(**NODE)
        cluster.wait_for_nodes()
        yield cluster.address
    finally:
        cluster.shutdown()


def ways(files: Sequence[Path], table: Path, out: Path, address: str) -> dict[str, Way]:
    """Return every way to predict the files, by name."""

    def loop(clock: Clock) -> None:
        pipe = Pipeline.from_pretrained()
        for path in files:
            pipe.predict(path)
            clock.step(None)

    def stream(clock: Clock) -> None:
        for _ in Pipeline.from_pretrained().stream(files):
            clock.step(None)

    def batch(clock: Clock, threads: int | None = None, workers: Workers | None = None) -> None:
        run_batch([table], out, BatchSettings(threads=threads), redo=True, workers=workers, progress=clock)

    return {
        "Pipeline.predict in a loop": loop,
        "Pipeline.stream of a list": stream,
        "run_batch, 1 thread": lambda clock: batch(clock, threads=1),
        LOCAL: batch,
        RAY: lambda clock: batch(clock, workers=on_ray(address)),
    }


def slope(times: Sequence[float]) -> float:
    """Return results per second, without the first fifth: the slope of a line, because Ray returns them in groups."""
    later = np.asarray(times[len(times) // 5 :])
    return float(np.polyfit(later - later[0], np.arange(len(later)), 1)[0])


def measure(found: dict[str, Way], rounds: int) -> tuple[Section, float]:
    """Time all ways in turns; return the table and the steady rate of the local batch."""
    whole: dict[str, list[float]] = {name: [] for name in found}
    steady: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(rounds):
        for name, way in found.items():
            clock, begun = Clock(), time.perf_counter()
            way(clock)
            whole[name].append(len(clock.times) / (time.perf_counter() - begun))
            steady[name].append(slope(clock.times))
    base = {kind: float(np.median(rates[LOCAL])) for kind, rates in (("whole", whole), ("steady", steady))}
    rows: list[Row] = [
        {
            "way": name,
            "inputs/s, steady": spread(steady[name]),
            "of the local batch": float(np.median(steady[name])) / base["steady"],
            "inputs/s, with start": spread(whole[name]),
            "of the local batch, with start": float(np.median(whole[name])) / base["whole"],
        }
        for name in found
    ]
    note = f"Steady: without the start and the first fifth. Medians and quartiles of {rounds}, taken in turns."
    return Section("throughput", "Inputs a second", rows, note), base["steady"]


def measure_keeping(work: Path, count: int) -> tuple[Section, float]:
    """Time the journal and Parquet; return the table and the bytes per row in Parquet."""
    row = {
        "label": "non-COVID",
        "probability": 0.1909368,
        "lung_fraction": 0.142265,
        "slices": 1,
        "warnings": ["unknown-intensity"],
        "files": [],
        "read_ms": 5.1,
        "predict_ms": 61.2,
        "write_ms": 0.02,
    }
    rng = np.random.default_rng(0)
    begun = time.perf_counter()
    with Store(work / "kept", COLUMNS) as store:
        for number in range(count):
            varied = {
                "source": f"/data/hospital/study-{number // 40:06}/slice-{number % 40:03}.png",
                "probability": rng.random(),
                "input_sha256": rng.bytes(32).hex(),
            }
            store.add(rng.bytes(10).hex(), [{**row, **varied}])
    seconds = time.perf_counter() - begun
    size = sum(path.stat().st_size for path in (work / "kept" / "predictions").iterdir()) / count
    cells: Row = {"rows": count, "ms a row, journal and Parquet": 1000 * seconds / count, "bytes a row, Parquet": size}
    return Section("keeping", "Keeping rows", [cells]), size


def measure_masks(files: Sequence[Path], work: Path) -> tuple[float, float]:
    """Return bytes of a mask as PNG, and the ms that writing it takes."""
    out = work / "masks"
    run_batch([write_table(files, work / "few.csv")], out, BatchSettings(masks="png"))
    written = [path.stat().st_size for path in (out / "files").rglob("*.png")]
    taken = pyarrow.parquet.read_table(out / "predictions", columns=["write_ms"])["write_ms"].to_pylist()
    return float(np.mean(written)), float(np.median([ms for ms in taken if ms is not None]))


def plan(rate: float, row_bytes: float, mask_bytes: float, mask_ms: float) -> Section:
    """Return what ten million slices take, extrapolated from one."""
    hours = PLANNED * available_threads() / rate / 3600
    rows: list[Row] = [
        {"what": "hours of one core, predictions", "figure": hours},
        {"what": "hours of one core, masks beside them", "figure": PLANNED * mask_ms / 3.6e6},
        {"what": "hours with 64 such cores", "figure": hours / 64},
        {"what": "rows in Parquet, GB", "figure": PLANNED * row_bytes / 1e9},
        {"what": "masks as PNG, GB", "figure": PLANNED * mask_bytes / 1e9},
    ]
    note = "Computed from the figures above, not run; cores as fast as these, files read as fast as here."
    return Section("plan", f"{PLANNED:,} slices on paper", rows, note)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=SLICES, help="folder of pictures or DICOM slices")
    parser.add_argument("--count", type=int, default=200, help="inputs per turn")
    parser.add_argument("--rounds", type=int, default=1, help="turns of each way")
    parser.add_argument("--rows", type=int, default=20_000, help="number of rows to store when timing it")
    arguments = parser.parse_args()
    console = Console()
    if busy():
        console.print("Other programs are running: these figures are unreliable.", style="red")
    console.print(describe())
    files = choose(arguments.data, arguments.count)
    with tempfile.TemporaryDirectory() as folder, two_nodes() as address:
        work = Path(folder)
        found = ways(files, write_table(files, work / "inputs.csv"), work / "out", address)
        throughput, rate = measure(found, arguments.rounds)
        keeping, row_bytes = measure_keeping(work, arguments.rows)
        mask_bytes, mask_ms = measure_masks(files[:20], work)
    for section in (throughput, keeping, plan(rate, row_bytes, mask_bytes, mask_ms)):
        section.show(console)


if __name__ == "__main__":
    main()
