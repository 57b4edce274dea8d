"""Time lungct against what it replaces, and against the peak of this machine: `make bench`.

Run: python benchmarks/run.py [--quick] [--out docs/performance.json] [--torch-python PATH]

Needs the train extra; LiteRT takes part where ai-edge-litert is installed, lungmask's network where PATH, an
interpreter, has torch and lungmask. A full run takes some ten minutes on two cores, which should have nothing else
to do. `python benchmarks/plot.py` draws what this writes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from rich.console import Console

# If a script is started by its path, Python looks for modules only in its folder, not in that of `benchmarks`.
sys.path.insert(0, str(Path(__file__).parents[1]))


from benchmarks.common.examples import ROOT
from benchmarks.common.machine import busy, describe
from benchmarks.common.sections import Row, Section
from benchmarks.speed.comparison import measure_networks
from benchmarks.speed.install import measure_install
from benchmarks.speed.peak import measure_peak
from benchmarks.speed.processes import measure_processes
from benchmarks.speed.recipe import measure_recipe
from benchmarks.speed.rival import measure_rival
from benchmarks.speed.scaling import measure_batches, measure_counts, measure_threads
from benchmarks.speed.series import measure_series
from benchmarks.speed.settings import Figures, Settings, quick
from benchmarks.speed.stages import measure_stages
from benchmarks.speed.targets import judge

STEPS = (
    measure_processes,  # first, because a process that has loaded TensorFlow is hard to fork
    measure_install,
    measure_peak,
    measure_networks,
    measure_stages,
    measure_series,
    measure_rival,
    measure_recipe,
    measure_batches,
    measure_threads,
    measure_counts,
)


def main() -> None:
    """Measure everything, print it, and keep it."""
    options = parse()
    settings = quick(options.torch_python) if options.quick else Settings(torch_python=options.torch_python)
    console = Console(width=None if sys.stdout.isatty() else 160)
    machine = describe()
    figures: Figures = {}
    sections = [Section("machine", "Machine", _facts(machine, quick_run=options.quick))]
    sections[0].show(console)
    if busy():
        console.print(f"Other programs are running (load {os.getloadavg()[0]:.1f}): don't quote these times.")
    start = time.perf_counter()
    for step in STEPS:
        section, measured = step(settings, figures)
        sections.append(section)
        figures |= measured
        section.show(console)
        console.print(f"[dim]{time.perf_counter() - start:.0f} s so far[/dim]")
        keep(options.out, sections, figures, quick_run=options.quick)
    sections.append(judge(figures, quick=options.quick))
    sections[-1].show(console)
    keep(options.out, sections, figures, quick_run=options.quick)
    console.print(f"Written: {options.out}")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only show that everything runs")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "performance.json")
    parser.add_argument("--torch-python", default=sys.executable, help="interpreter with torch and lungmask")
    return parser.parse_args()


def keep(path: Path, sections: list[Section], figures: Figures, *, quick_run: bool) -> None:
    """Write the JSON after every step, so that no measurement is lost."""
    kept = {
        "quick": quick_run,
        "figures": figures,
        "sections": {section.key: section.to_dict() for section in sections},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _facts(machine: dict[str, str], *, quick_run: bool) -> list[Row]:
    facts = machine | ({"run": "quick: none of its times are to be quoted"} if quick_run else {})
    return [{"what": what, "here": value} for what, value in facts.items()]


if __name__ == "__main__":
    main()
