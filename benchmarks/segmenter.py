"""Time the shipped segmenter against the paper's network as users run it: Keras `predict`, 64 filters, 256 x 256.

Run: python benchmarks/segmenter.py   (needs the train extra)
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from lungct.lungseg import LungSegmenter, clean_mask
from lungct.lungseg.architectures import build_network
from lungct.sources import read_scan
from lungct.weights.fitting import prepare_environment

SLICE = Path(__file__).parents[1] / "examples" / "slices" / "lctsc-S1-101-hu.tif"


def milliseconds(work: Callable[[], object], rounds: int, slices: int = 1) -> float:
    """Return the median time of a slice after a warm-up."""
    work()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times) / slices


def main() -> None:
    """Print the table."""
    prepare_environment()
    scan = read_scan(SLICE)
    segmenter = LungSegmenter()
    mask = segmenter.segment(scan).mask[0]
    rows = {
        "segment, as shipped": milliseconds(lambda: segmenter.segment(scan), 30),
        "of it: clean-up": milliseconds(lambda: clean_mask(mask), 30),
    }
    for filters in (16, 64):
        model = build_network(size=256, filters=filters)
        for batch in (1, 4):
            inputs = np.random.default_rng(0).random((batch, 256, 256, 1), dtype=np.float32)
            work = lambda model=model, inputs=inputs: model.predict(inputs, verbose=0)  # noqa: E731
            rows[f"Keras predict, {filters} filters, 256 x 256, batch {batch}"] = milliseconds(work, 5, batch)
    table = Table("what", "ms a slice", "times as long as shipped")
    for what, value in rows.items():
        table.add_row(what, f"{value:.1f}", f"{value / rows['segment, as shipped']:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
