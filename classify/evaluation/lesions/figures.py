"""Summarise measurements of a map of infection: each figure with its interval, and how many it was measured on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....common.intervals import Statistic
from ..metrics import share_of, with_interval
from .measure import NO_LUNG, Evaluation
from .scores import SMALL, Lesion

AGREEMENT = 1.96
"""Standard deviations from the bias to the limits of agreement."""

NAMES: Mapping[str, str] = {
    "dice": "Dice",
    "sensitivity": "sensitivity",
    "precision": "precision",
    "auroc": "AUROC of the pixels inside the lungs",
    "share_error": "infected share: mean absolute error, percentage points",
    "share_bias": "infected share: bias (found minus drawn), percentage points",
    "share_lower_limit": "infected share: lower limit of agreement, percentage points",
    "share_upper_limit": "infected share: upper limit of agreement, percentage points",
    "lesions_hit": "lesions hit",
    "small_lesions_hit": "small lesions hit",
    "large_lesions_hit": "large lesions hit",
    "found_without_infection": "slices without infection: share of the lungs found as infected",
}
"""The figures in words, in reporting order."""

MEASURED_ON = ("slices", "patients", "lesions")
"""Columns that say how many a figure was measured on."""

Rows = Sequence[Mapping[str, Any]]


def summarise(evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    """Return the figures of each data set, by name.

    Returns
    -------
    dict
        For each data set: numbers of ``slices`` and ``patients``, of slices and patients ``with_infection``, of
        slices ``without_lung``, and ``figures``, by the names in `NAMES`. A figure has ``value``, ``interval`` (95 %
        over patients; None if there is none, see `lungct.common.intervals.interval_of`), and the number of
        ``slices``, ``patients`` and ``lesions`` that it was measured on.
    """
    everyone = evaluation.patients()
    found = {}
    for name in sorted({row["data_set"] for row in evaluation.rows}):
        chosen = [index for index, row in enumerate(evaluation.rows) if row["data_set"] == name]
        rows = [evaluation.rows[index] for index in chosen]
        lesions = [evaluation.lesions[index] for index in chosen]
        found[name] = {
            "slices": len(rows),
            "slices_with_infection": sum(row["infected"] > 0 for row in rows),
            "slices_without_lung": sum(row["note"] == NO_LUNG for row in rows),
            "patients": len({row["patient"] for row in rows}),
            "patients_with_infection": len({row["patient"] for row in rows if row["infected"]}),
            "figures": {
                **_of_patients([row for row in everyone if row["data_set"] == name]),
                **_of_shares([row for row in rows if np.isfinite(row["error"])]),
                **_of_lesions(rows, lesions),
                "found_without_infection": _mean_of(
                    [row for row in rows if row["lung"] and not row["infected"]], "found_share"
                ),
            },
        }
    return found


def agreement(differences: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the bias and the 95 % limits of agreement (Bland and Altman 1986, doi 10.1016/S0140-6736(86)90837-8).

    Parameters
    ----------
    differences : ndarray of float64, shape (n,)

    Returns
    -------
    bias, lower, upper : float
        NaN for fewer than two differences.
    """
    if differences.size < 2:
        return float("nan"), float("nan"), float("nan")
    bias, spread = float(differences.mean()), AGREEMENT * float(differences.std(ddof=1))
    return bias, bias - spread, bias + spread


def _of_patients(patients: Rows) -> dict[str, Any]:
    """Return the means over patients with infection."""
    known = {
        name: [row for row in patients if np.isfinite(row[name])]
        for name in ("dice", "sensitivity", "precision", "auroc")
    }
    return {name: _mean_of(rows, name, [row["slices"] for row in rows]) for name, rows in known.items()}


def _of_shares(rows: Rows) -> dict[str, Any]:
    """Return how well the infected share agrees, over the slices in which lungs were found, in percentage points."""
    points = 100 * np.array([row["error"] for row in rows], dtype=np.float64)
    figures: dict[str, Callable[[NDArray[np.intp]], float]] = {
        "share_error": lambda at: float(np.abs(points[at]).mean()) if at.size else float("nan"),
        "share_bias": lambda at: agreement(points[at])[0],
        "share_lower_limit": lambda at: agreement(points[at])[1],
        "share_upper_limit": lambda at: agreement(points[at])[2],
    }
    return {name: _figure(rows, figure) for name, figure in figures.items()}


def _of_lesions(rows: Rows, lesions: Sequence[Sequence[Lesion]]) -> dict[str, Any]:
    """Return the share of lesions hit, all and by size; size is unknown where no lungs were found."""
    every = [(row, one) for row, own in zip(rows, lesions, strict=True) for one in own]
    sizes = np.array([one.size for _, one in every], dtype=np.float64)
    groups = {
        "lesions_hit": np.ones(sizes.shape, dtype=np.bool_),
        "small_lesions_hit": sizes < SMALL,
        "large_lesions_hit": sizes >= SMALL,
    }
    return {name: _share_hit([every[at] for at in np.flatnonzero(group)]) for name, group in groups.items()}


def _share_hit(lesions: Sequence[tuple[Mapping[str, Any], Lesion]]) -> dict[str, Any]:
    hit = np.array([one.is_hit for _, one in lesions], dtype=np.bool_)
    statistic = share_of(hit, np.ones(hit.shape, dtype=np.bool_))
    return _with_counts([row for row, _ in lesions], statistic) | {"lesions": len(lesions)}


def _mean_of(rows: Rows, name: str, slices: Sequence[int] = ()) -> dict[str, Any]:
    """Return the mean of a column; `slices` are those of each row, if a row is more than one."""
    values = np.array([row[name] for row in rows], dtype=np.float64)
    figure = _figure(rows, lambda at: float(values[at].mean()) if at.size else float("nan"))
    return figure | {"slices": sum(slices)} if slices else figure


def _figure(rows: Rows, figure: Callable[[NDArray[np.intp]], float]) -> dict[str, Any]:
    return _with_counts(rows, Statistic(figure, (np.ones(len(rows), dtype=np.bool_),)))


def _with_counts(rows: Rows, statistic: Statistic) -> dict[str, Any]:
    patients = [row["patient"] for row in rows]
    slices = {(row["patient"], row.get("source"), row.get("slice")) for row in rows}
    return {**with_interval(patients, statistic), "slices": len(slices), "patients": len(set(patients))}
