"""Draw what run.py measured, and write its tables into docs/performance.md, so that no figure is typed by hand.

Run: python benchmarks/plot.py [--figures docs/performance.json] [--page docs/performance.md]

The figures are stored beside the page; the tables are in it, between two comments, `BEGIN` and `END`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console

# If a script is started by its path, Python looks for modules only in its folder, not in that of `benchmarks`.
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common.examples import ROOT
from benchmarks.common.sections import Row, Section

BEGIN, END = "<!-- figures -->", "<!-- /figures -->"

NEW_PAGE = f"# Performance\n\n{BEGIN}\n{END}\n"

BLUE = "#31688e"

Sections = Mapping[str, Mapping[str, Any]]


def main() -> None:
    """Draw, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--figures", type=Path, default=ROOT / "docs" / "performance.json")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "performance.md")
    options = parser.parse_args()
    sections: Sections = json.loads(options.figures.read_text(encoding="utf-8"))["sections"]
    pictures = draw(sections, options.page.parent)
    page = options.page.read_text(encoding="utf-8") if options.page.exists() else NEW_PAGE
    options.page.write_text(filled(page, contents(sections, pictures)), encoding="utf-8")
    Console().print(f"Written: {options.page}, {', '.join(path.name for path in pictures.values())}")


def filled(page: str, text: str) -> str:
    """Return a page with new text between the two comments.

    Raises
    ------
    ValueError
        If it doesn't have exactly one place for it.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise ValueError(f"the page needs one line {BEGIN} and, behind it, one line {END}: the tables go between them")
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n\n{text}\n{END}{rest.split(END)[1]}"


def contents(sections: Sections, pictures: Mapping[str, Path]) -> str:
    """Return the tables, targets first, each followed by its picture."""
    order = sorted(sections, key=lambda key: ("targets", "machine").index(key) if key in ("targets", "machine") else 2)
    parts = []
    for key in order:
        kept = sections[key]
        parts.append(Section(key, kept["title"], kept["rows"], kept["note"]).markdown())
        if key in pictures:
            parts.append(f"![{kept['title']}]({pictures[key].name})\n")
    return "\n".join(parts)


def draw(sections: Sections, folder: Path) -> dict[str, Path]:
    """Draw the available figures; return each one's path by its section."""
    drawings = {
        "networks": _networks,
        "stages": _stages,
        "series": _series,
        "batches": _batches,
        "threads": _threads,
        "counts": _counts,
    }
    paths = {}
    for key, drawing in drawings.items():
        if key in sections:
            paths[key] = folder / f"performance-{key}.png"
            figure = drawing(sections[key]["rows"])
            figure.savefig(paths[key], dpi=120)
            plt.close(figure)
    return paths


def _networks(rows: Sequence[Row]) -> Figure:
    networks = _groups(rows, "network")
    figure, axes = plt.subplots(len(networks), 1, figsize=(8, 2.6 * len(networks)), layout="constrained", squeeze=False)
    for (name, group), ax in zip(networks, axes[:, 0], strict=True):
        _bars(ax, group, "run by", "ms a slice")
        ax.set(title=name, xlabel="ms a slice: median and quartiles")
    return figure


def _stages(rows: Sequence[Row]) -> Figure:
    return _one(rows, "step", "ms", "ms: median and quartiles")


def _series(rows: Sequence[Row]) -> Figure:
    return _one(rows, "step", "ms a slice", "ms a slice: median and quartiles")


def _batches(rows: Sequence[Row]) -> Figure:
    return _lines(rows, "batch ", "slices at once")


def _threads(rows: Sequence[Row]) -> Figure:
    return _lines([{key.removesuffix("s"): cell for key, cell in row.items()} for row in rows], " thread", "threads")


def _counts(rows: Sequence[Row]) -> Figure:
    figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
    _line(ax, {float(row["slices"]): row["ms a slice"] for row in rows}, "")
    ax.set(xscale="log", xlabel="slices of the scan", ylabel="ms a slice", ylim=(0, None))
    return figure


def _one(rows: Sequence[Row], label: str, column: str, xlabel: str) -> Figure:
    figure, ax = plt.subplots(figsize=(8, 0.6 + 0.34 * len(rows)), layout="constrained")
    _bars(ax, rows, label, column)
    ax.set_xlabel(xlabel)
    return figure


def _bars(ax: Axes, rows: Sequence[Row], label: str, column: str) -> None:
    """Draw a bar for each measured row, with the first on top."""
    bars = [(str(row[label]), _spread(row[column])) for row in rows if row.get(column) is not None]
    for place, (name, (median, low, high)) in enumerate(bars):
        ax.barh(place, median, color=BLUE)
        ax.errorbar(median, place, xerr=[[median - low], [high - median]], color="black", capsize=2)
        ax.annotate(f" {name}: {median:.3g}", (high, place), va="center", fontsize=8)
    ax.set_yticks([])
    ax.invert_yaxis()
    ax.margins(x=0.6)
    ax.spines[["top", "right"]].set_visible(False)


def _lines(rows: Sequence[Row], mark: str, xlabel: str) -> Figure:
    """Draw a panel for each network and a line for each row; columns whose name contains `mark` are the points."""
    networks = _groups(rows, "network")
    figure, axes = plt.subplots(1, len(networks), figsize=(5 * len(networks), 3.4), layout="constrained", squeeze=False)
    for (name, group), ax in zip(networks, axes[0], strict=True):
        for row in group:
            cells = {key.replace(mark, ""): cell for key, cell in row.items() if mark in key}
            _line(ax, {float(key): cell for key, cell in cells.items()}, str(row["run by"]))
        ax.set(title=name, xlabel=xlabel, ylabel="ms a slice", ylim=(0, None))
        ax.set_xticks(sorted({float(key.replace(mark, "")) for row in group for key in row if mark in key}))
        ax.legend(fontsize=7)
    return figure


def _line(ax: Axes, cells: Mapping[float, Any], label: str) -> None:
    points = [(place, *_spread(cell)) for place, cell in cells.items() if not isinstance(cell, str)]
    if points:
        places, medians, lows, highs = zip(*points, strict=True)
        ax.plot(places, medians, marker="o", label=label)
        ax.fill_between(places, lows, highs, alpha=0.2)


def _spread(cell: Any) -> tuple[float, float, float]:
    """Return median and quartiles of a cell."""
    if isinstance(cell, Mapping):
        return cell["median"], cell["low"], cell["high"]
    return float(cell), float(cell), float(cell)


def _groups(rows: Sequence[Row], column: str) -> list[tuple[str, list[Row]]]:
    """Return rows grouped by the value of a column, in the given order."""
    names = dict.fromkeys(str(row[column]) for row in rows)
    return [(name, [row for row in rows if row[column] == name]) for name in names]


if __name__ == "__main__":
    main()
