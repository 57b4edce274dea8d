"""Write a page about a measured map of infection: figures, agreement of the shares, and the worst slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ....common.intervals import INTERVALS_IN_WORDS
from ....common.page import picture_uri, write_json
from ....common.rendering import render
from ....common.text import write_csv
from ....weights import Card
from ..curves import to_picture
from .figures import MEASURED_ON, NAMES, summarise
from .measure import NO_LUNG, Evaluation, Measured
from .plots import draw_agreement, draw_outlines
from .scores import HIT, SMALL, SMALLEST

COUNTS = ("slices", "slices_with_infection", "slices_without_lung", "patients", "patients_with_infection")
"""Counts of a data set, in reporting order."""


def write_report(evaluation: Evaluation, card: Card, lungs: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """Write ``report.html``, which needs no other file, ``report.json``, ``slices.csv`` and ``patients.csv``.

    Parameters
    ----------
    evaluation : Evaluation
    card : Card
        Card of the measured classifier.
    lungs : mapping of str to str
        For each data set, in words, which lungs it was measured in.
    folder : Path

    Returns
    -------
    dict
        Contents of ``report.json``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    patients = evaluation.patients()
    write_csv(folder / "slices.csv", list(evaluation.rows[0]), evaluation.rows)
    write_csv(folder / "patients.csv", list(patients[0]), patients)
    report: dict[str, Any] = {
        "network": {"name": card.name, "version": card.version, "sha256": card.sha256},
        "threshold": evaluation.threshold,
        "lungs": dict(lungs),
        "data_sets": summarise(evaluation),
        "without_lung": [
            {"source": row["source"], "slice": row["slice"], "infected_pixels": row["infected"]}
            for row in evaluation.rows
            if row["note"] == NO_LUNG
        ],
    }
    write_json(folder / "report.json", report)
    page = render(
        "classify/evaluation/templates/lesions.html",
        title=f"Map of infection: {card.name}, version {card.version}",
        intervals_in_words=INTERVALS_IN_WORDS,
        report=report,
        data_sets={name: _data_set(evaluation, name, found) for name, found in report["data_sets"].items()},
        worst={
            "Lowest Dice": _figures(evaluation.lowest_dice),
            "Largest error of the infected share": _figures(evaluation.largest_error),
        },
        least={"pixels": SMALLEST, "small": f"{100 * SMALL:g}", "hit": f"{100 * HIT:g}"},
        patients=patients,
    )
    (folder / "report.html").write_text(page, encoding="utf-8")
    return report


def _data_set(evaluation: Evaluation, name: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return one data set's counts, table of figures, and plot of the shares; no plot without shares."""
    shares = np.array(
        [
            (row["true_share"], row["found_share"])
            for row in evaluation.rows
            if row["data_set"] == name and np.isfinite(row["error"])
        ],
        dtype=np.float64,
    ).reshape(-1, 2)
    return {
        "counts": {key.replace("_", " "): found[key] for key in COUNTS},
        "figures": _table(found["figures"]),
        "agreement": picture_uri(to_picture(draw_agreement(shares[:, 0], shares[:, 1], name)), "PNG")
        if shares.size
        else None,
    }


def _table(figures: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of figures with how many slices, patients and lesions each was measured on."""
    return [
        {"figure": words, "value": figures[name], **{what: figures[name].get(what) for what in MEASURED_ON}}
        for name, words in NAMES.items()
    ]


def _figures(slices: Sequence[Measured]) -> list[dict[str, str]]:
    return [
        {"picture": picture_uri(to_picture(draw_outlines(one)), "PNG"), "caption": _caption(one.row)} for one in slices
    ]


def _caption(row: Mapping[str, Any]) -> str:
    dice = f"Dice {row['dice']:.3f}, " if np.isfinite(row["dice"]) else ""
    shares = f"infected share {100 * row['true_share']:.1f} % drawn, {100 * row['found_share']:.1f} % found"
    return f"{dice}{row['note'] or shares}: {Path(row['source']).name}, slice {row['slice']}"
