"""Measurements that need a fresh process: time until the first answer, and memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time

from ..common.examples import PICTURE, ROOT
from ..common.sections import Row, Section
from ..common.timing import spread
from .settings import Figures, Settings

TIMED = """
import time
start = time.perf_counter()
{code}
seconds = time.perf_counter() - start
import json, sys
sys.path.insert(0, {root!r})
from benchmarks.common.memory import peak_mb
print(json.dumps([seconds, peak_mb()]))
"""

FIRST_ANSWER = "from lungct.pipeline import Pipeline\nPipeline.from_pretrained({options}).predict({picture!r})"

RECIPE = """
import sys
sys.path.insert(0, {root!r})
from benchmarks.speed.recipe import Recipe, grey
from benchmarks.speed.settings import without_graphs
if {quick}:
    without_graphs()
Recipe({size}, {filters})(grey({size}))
"""


def measure_processes(settings: Settings, _figures: Figures) -> tuple[Section, Figures]:
    """Start fresh processes, one of each kind in turn."""
    first = "first answer, one picture"
    codes = {"import lungct.pipeline": "import lungct.pipeline", first: _first_answer("")}
    for engine in ("onnxruntime", "openvino"):
        codes[f"{first}, {engine}"] = _first_answer(f"engine={engine!r}")
    runs: dict[str, list[tuple[float, float, float]]] = {name: [] for name in codes}
    for _ in range(settings.processes):
        for name, code in codes.items():
            runs[name].append(fresh(code))
    size, filters = settings.recipe_size, settings.recipe_filters
    name = f"first answer, the notebook's recipe, {size} x {size}, {filters} filters, Keras"
    runs[name] = [fresh(RECIPE.format(root=str(ROOT), quick=settings.quick, size=size, filters=filters))]
    rows: list[Row] = [_row(name, taken) for name, taken in runs.items()]
    seconds, _, peak = (spread(values)["median"] for values in zip(*runs[first], strict=True))
    note = (
        "The first column is the time from the first import to the answer; the second includes starting and ending the "
        "interpreter. The recipe builds its networks but loads no weights, which makes it faster."
    )
    section = Section("processes", f"Fresh processes, medians of {settings.processes}", rows, note)
    return section, {"cold_start_s": seconds, "picture_mb": peak}


def fresh(code: str) -> tuple[float, float, float]:
    """Run code in a new interpreter; return its seconds, those of the whole process, and its peak memory in MB."""
    start = time.perf_counter()
    command = [sys.executable, "-c", TIMED.format(code=code, root=str(ROOT))]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    whole = time.perf_counter() - start
    if ended.returncode:
        raise RuntimeError(f"this failed in a fresh process:\n{code}\n{ended.stderr}")
    seconds, peak = json.loads(ended.stdout.splitlines()[-1])
    return seconds, whole, peak


def _first_answer(options: str) -> str:
    return FIRST_ANSWER.format(options=options, picture=str(PICTURE))


def _row(name: str, runs: list[tuple[float, float, float]]) -> Row:
    seconds, whole, peak = (spread(values) for values in zip(*runs, strict=True))
    return {"what": name, "s": seconds, "whole process, s": whole, "peak memory, MB": peak["median"]}
