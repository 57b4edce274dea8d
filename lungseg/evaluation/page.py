"""Write a page about an evaluated segmenter: figures by data set and patient, and pictures of the worst slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ...common.page import write_json
from ...common.rendering import render
from ...common.text import write_csv
from ...sources.intensity import LUNG_WINDOW, apply_window
from ...weights import Card
from .evaluate import METRICS, Evaluation, Measured

FOUND, DRAWN = (0, 220, 255), (60, 255, 60)
"""Colours of the outlines."""


def write_report(evaluation: Evaluation, card: Card, folder: Path, flags: Sequence[Mapping[str, Any]] = ()) -> Path:
    """Write ``report.html`` with pictures of the worst slices, ``report.json``, ``slices.csv`` and ``patients.csv``.

    Parameters
    ----------
    evaluation : Evaluation
    card : Card
        Card of the measured network.
    folder : Path
    flags : sequence of mapping
        Result of `measure_flags`, if it was run.

    Returns
    -------
    Path
        The page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    summary, patients = evaluation.summary(), evaluation.patients()
    network = {"name": card.name, "version": card.version, "sha256": card.sha256}
    write_csv(folder / "slices.csv", list(evaluation.rows[0]), evaluation.rows)
    write_csv(folder / "patients.csv", list(patients[0]), patients)
    content = {"network": network, "data_sets": summary, "flags": list(flags), "patients": patients}
    write_json(folder / "report.json", content)
    page = render(
        "lungseg/evaluation/templates/report.html",
        title=f"{card.name}, version {card.version}",
        summary=_summary_table(summary),
        worst=[_figure(one, folder, number) for number, one in enumerate(evaluation.worst, 1)],
        flags=flags,
        patients=patients,
    )
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8", errors="backslashreplace")
    return path


def draw_outlines(one: Measured) -> Image.Image:
    """Return the slice in a lung window with both outlines."""
    from skimage.segmentation import find_boundaries

    grey = apply_window(one.item.scan.pixels[0], one.item.scan.intensity, LUNG_WINDOW)
    canvas = np.repeat(np.rint(grey * 255).astype(np.uint8)[..., None], 3, axis=2)
    canvas[find_boundaries(one.item.mask[0], mode="inner")] = DRAWN
    canvas[find_boundaries(one.found, mode="inner")] = FOUND
    return Image.fromarray(canvas)


def _figure(one: Measured, folder: Path, number: int) -> dict[str, str]:
    name = f"worst-{number:02d}.png"
    draw_outlines(one).save(folder / name)
    source = f"{Path(one.row['source']).name}, slice {one.row['slice']}"
    return {"picture": name, "caption": f"Dice {one.row['dice']:.3f}: {source}"}


def _summary_table(summary: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    rows = []
    for name in ("slices", "slices_with_lung", "patients", "found_without_lung", *METRICS):
        cells = {data_set: _figure_text(figures.get(name)) for data_set, figures in summary.items()}
        if any(cells.values()):
            rows.append({"": name.replace("_", " "), **cells})
    return rows


def _figure_text(value: Any) -> str:
    if isinstance(value, Mapping):
        low, high = value["interval"]
        return f"{value['mean']:.4g} ({low:.4g} to {high:.4g}), slices {value['lowest']:.4g} to {value['highest']:.4g}"
    return "" if value is None else f"{value}"
