"""Time the pipeline's parts on an example slice, side by side in one run, and the first answer of a fresh process.

Run: python benchmarks/pipeline.py
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from lungct.pipeline import Pipeline
from lungct.sources import read_scan
from lungct.weights import CLASSIFIER, SEGMENTER, load_card, open_session

SLICE = Path(__file__).parents[1] / "examples" / "slices" / "covid19-ny-sbu-A002304.png"
ROUNDS = 20


def milliseconds(work: Callable[[], object]) -> float:
    """Return the median time of one call after a warm-up."""
    work()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def fresh_process(code: str) -> float:
    """Return the median wall time in ms of a new interpreter that runs `code`."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def main() -> None:
    """Print the table."""
    pipe = Pipeline.from_pretrained()
    scan = read_scan(SLICE)
    rows = {"whole pipeline, one slice": milliseconds(lambda: pipe.predict(SLICE))}
    rows["reading the PNG"] = milliseconds(lambda: read_scan(SLICE))
    rows["stage 1 (segment)"] = milliseconds(lambda: pipe.segmenter.segment(scan))
    masks = pipe.segmenter.segment(scan).mask
    rows["stage 2 (classify)"] = milliseconds(lambda: pipe.classifier.classify(scan, masks))
    for name in (SEGMENTER, CLASSIFIER):
        card = load_card(name)
        size = card.preprocessing["size"]
        inputs = np.zeros((1, size, size, 1), np.float32)
        session = open_session(card)
        rows[f"bare network {name}"] = milliseconds(lambda session=session, inputs=inputs: session.run(inputs))
    bare = fresh_process("pass")
    rows["fresh process: import lungct.pipeline"] = fresh_process("import lungct.pipeline") - bare
    code = f"from lungct.pipeline import Pipeline; Pipeline.from_pretrained().predict({str(SLICE)!r})"
    rows["fresh process: import to first answer"] = fresh_process(code) - bare
    table = Table("what", "ms", "of the whole pipeline", title=f"medians of {ROUNDS} calls, 3 processes")
    whole = rows["whole pipeline, one slice"]
    for what, value in rows.items():
        table.add_row(what, f"{value:.1f}", f"{value / whole:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
