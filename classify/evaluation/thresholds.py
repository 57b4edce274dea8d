"""Measure thresholds: sensitivity, specificity, and predictive values at several prevalences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.intervals import Statistic
from ..calibration import sensitive_threshold, youden_threshold
from .metrics import FEWER_RESAMPLES, predictive_value, share_of, with_interval

FIXED = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Thresholds that were not chosen on any data."""

SENSITIVE = 0.95
"""Sensitivity for which a threshold is chosen."""


def threshold_table(
    probabilities: NDArray[np.float64],
    covid: NDArray[np.bool_],
    patients: Sequence[str],
    threshold: float,
    prevalences: Sequence[float],
) -> list[dict[str, Any]]:
    """Measure several thresholds.

    Parameters
    ----------
    probabilities : ndarray of float64, shape (n,)
    covid : ndarray of bool, shape (n,)
    patients : sequence of str
    threshold : float
        The network's own threshold.
    prevalences : sequence of float
        Prevalences of COVID for which to report predictive values; see `distinct`.

    Returns
    -------
    list of dict
        One per threshold: ``threshold``, ``chosen``, and metrics with 95 % bootstrap intervals over patients.
    """
    rows = []
    for value, chosen in sorted(_thresholds(probabilities, covid, threshold).items()):
        row: dict[str, Any] = {"threshold": round(value, 4), "chosen": chosen}
        for name, statistic in _statistics(probabilities >= value, covid, prevalences).items():
            row[name] = with_interval(patients, statistic, FEWER_RESAMPLES)
        rows.append(row)
    return rows


def distinct(prevalences: Sequence[float]) -> Sequence[float]:
    """Return prevalences unchanged after checking that each gives its own column names.

    Raises
    ------
    ValueError
        When one is given twice.
    """
    names = [f"{prevalence:g}" for prevalence in prevalences]
    if again := [name for number, name in enumerate(names) if name in names[:number]]:
        raise ValueError(f"the prevalence {again[0]} is given twice. Give each once, with at most six digits")
    return prevalences


def _thresholds(probabilities: NDArray[np.float64], covid: NDArray[np.bool_], threshold: float) -> dict[float, str]:
    found = dict.fromkeys(FIXED, "fixed")
    if covid.any() and not covid.all():
        found[youden_threshold(probabilities, covid)] = "on these data: Youden's"
        found[sensitive_threshold(probabilities, covid, SENSITIVE)] = f"on these data: {SENSITIVE:.0%} sensitive"
    found[threshold] = "the network's own"
    return found


def _statistics(
    called: NDArray[np.bool_], covid: NDArray[np.bool_], prevalences: Sequence[float]
) -> dict[str, Statistic]:
    sensitivity, specificity = share_of(called, covid), share_of(~called, ~covid)

    def value_of(own: Statistic, other: Statistic, prevalence: float) -> Statistic:
        return Statistic(lambda at: predictive_value(own(at), other(at), prevalence), (covid, ~covid))

    found: dict[str, Statistic] = {"sensitivity": sensitivity, "specificity": specificity}
    for prevalence in prevalences:
        found[f"PPV at {prevalence:g}"] = value_of(sensitivity, specificity, prevalence)
        found[f"NPV at {prevalence:g}"] = value_of(specificity, sensitivity, 1 - prevalence)
    return found
