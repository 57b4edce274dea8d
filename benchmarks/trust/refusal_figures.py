"""Figures of refusal, computed from scores: detection, share refused, accuracy against coverage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lungct.classify.evaluation.coverage import coverage_curve
from lungct.classify.evaluation.metrics import auc
from lungct.common.intervals import bootstrap_interval

from ..common.sections import Section

Floats = NDArray[np.float64]

REFUSED_ABOVE = 1.0
"""The limit to which `Prediction.ood_score` is scaled."""

COVERAGES = (1.0, 0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5)

VALIDATION, FURTHER, WRONG = "validation", "further", "wrong"


@dataclass(frozen=True)
class Judged:
    """One input and its outcome.

    Parameters
    ----------
    role : {"validation", "further", "wrong"}
    kind : str
        Of wrong input; the data set of CT.
    group : str
        Its patient, photograph or recipe.
    path : str
    half : str
        Of the wrong inputs, ``"a"`` or ``"b"``.
    score : float
        Infinite without lung; NaN if the pipeline gave none.
    right : float
        1 if the probability is on the right side of the threshold, 0 if not, NaN without lung or label.
    warnings : str
    """

    role: str
    kind: str
    group: str
    path: str
    half: str
    score: float
    right: float
    warnings: str


def with_interval(rows: Sequence[Judged], statistic: Callable[[NDArray[np.intp]], float]) -> str:
    """Return a statistic of rows with its 95 % bootstrap interval over groups."""
    value = statistic(np.arange(len(rows)))
    if not np.isfinite(value):
        return "not measured"
    low, high = bootstrap_interval([row.group for row in rows], statistic)
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def scores(rows: Sequence[Judged]) -> Floats:
    """Return the scores of rows."""
    return np.array([row.score for row in rows], dtype=np.float64)


def detection(wrong: Sequence[Judged], valid: Sequence[Judged]) -> str:
    """Return the AUROC of wrong inputs against CT, with interval; rows without a score make it unknown."""
    rows = [*wrong, *valid]
    values, is_wrong = scores(rows), np.arange(len(rows)) < len(wrong)
    if np.isnan(values).any():
        return "not measured"
    ranked = np.minimum(values, np.finfo(np.float64).max)  # infinite without lung
    return with_interval(rows, lambda at: auc(ranked[at], is_wrong[at]))


def refusal_row(name: str, rows: Sequence[Judged]) -> dict[str, Any]:
    """Return how many rows are refused, and how many of those because no lung was found."""
    values = scores(rows)
    refused = np.where(np.isnan(values), np.nan, values > REFUSED_ABOVE)
    return {
        "input": name,
        "n": len(rows),
        "sources": len({row.group for row in rows}),
        "refused": with_interval(rows, lambda at: float(refused[at].mean())),
        "without lung": int(np.isinf(values).sum()),
        "median score": None if np.isnan(values).any() else float(np.median(values)),
    }


def by_kind(rows: Iterable[Judged]) -> dict[str, list[Judged]]:
    """Sort rows by kind."""
    found: dict[str, list[Judged]] = {}
    for row in rows:
        found.setdefault(row.kind, []).append(row)
    return dict(sorted(found.items()))


def at_coverage(values: Floats, right: Floats, wanted: float) -> float:
    """Return the accuracy at the largest coverage not above `wanted`; NaN if there is none."""
    curve = coverage_curve(values, right)
    at = curve.within(wanted)
    return float("nan") if at is None else float(curve.accuracy[at])


def coverage_rows(valid: Sequence[Judged]) -> list[dict[str, Any]]:
    """Return accuracy at `COVERAGES`, with intervals."""
    values, right = scores(valid), np.array([row.right for row in valid])
    if np.isnan(values).any():
        return []
    return [
        {
            "kept": f"{wanted:.0%}",
            "accuracy": with_interval(valid, lambda at, wanted=wanted: at_coverage(values[at], right[at], wanted)),
        }
        for wanted in COVERAGES
    ]


def summary(rows: Sequence[Judged]) -> list[Section]:
    """Return the tables: detection, refusal, coverage."""
    roles = {role: [row for row in rows if row.role == role] for role in (VALIDATION, FURTHER, WRONG)}
    valid = roles[VALIDATION]
    kinds = by_kind(roles[WRONG])
    wrong = [
        {**refusal_row(name, own), "AUROC against validation CT": detection(own, valid)} for name, own in kinds.items()
    ]
    kept = [
        refusal_row(f"{role} {name}", own)
        for role in (VALIDATION, FURTHER)
        for name, own in by_kind(roles[role]).items()
    ]
    return [
        Section("wrong", "Wrong inputs: should be refused", wrong),
        Section(
            "ct", "Chest CT: should not be refused", [*kept, refusal_row("validation, all", valid)] if valid else kept
        ),
        Section("coverage", "Accuracy on validation CT that is kept", coverage_rows(valid)),
    ]
