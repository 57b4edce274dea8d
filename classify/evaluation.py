"""How well probabilities separate and how far they can be believed.

Names and definitions are scikit-learn's; sensitivity is the recall of COVID, specificity that of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..weights.intervals import bootstrap_interval

BINS = 10


def auc(scores: NDArray[np.float64], covid: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve, NaN where a class is missing."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(covid, scores)) if covid.any() and not covid.all() else float("nan")


def average_precision(scores: NDArray[np.float64], covid: NDArray[np.bool_]) -> float:
    """Return the area under the precision-recall curve as scikit-learn sums it, NaN without COVID."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(covid, scores)) if covid.any() else float("nan")


def expected_calibration_error(probabilities: NDArray[np.float64], covid: NDArray[np.bool_]) -> float:
    """Return the mean gap between probability and frequency over ten equal bins, weighted by their counts."""
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    gaps = [
        abs(probabilities[bins == index].mean() - covid[bins == index].mean()) * (bins == index).mean()
        for index in np.unique(bins)
    ]
    return float(np.sum(gaps))


def _f1(called: NDArray[np.bool_], covid: NDArray[np.bool_]) -> float:
    both = int((called & covid).sum())
    total = int(called.sum() + covid.sum())
    return 2 * both / total if total else float("nan")


def summarise(
    probabilities: NDArray[np.float64], covid: NDArray[np.bool_], patients: Sequence[str], threshold: float
) -> dict[str, Any]:
    """Return the figures of one set of pictures, with n and 95 % bootstrap intervals over patients.

    Parameters
    ----------
    probabilities : ndarray of float64, shape (n,)
    covid : ndarray of bool, shape (n,)
    patients : sequence of str
    threshold : float
    """
    called = probabilities >= threshold

    def share(correct: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
        return float(correct[among].mean()) if among.any() else float("nan")

    everywhere = np.ones(covid.shape, dtype=np.bool_)
    statistics: dict[str, Callable[[NDArray[np.intp]], float]] = {
        "auc": lambda at: auc(probabilities[at], covid[at]),
        "average_precision": lambda at: average_precision(probabilities[at], covid[at]),
        "accuracy": lambda at: share(called[at] == covid[at], everywhere[at]),
        "sensitivity": lambda at: share(called[at], covid[at]),
        "specificity": lambda at: share(~called[at], ~covid[at]),
        "precision": lambda at: share(covid[at], called[at]),
        "f1": lambda at: _f1(called[at], covid[at]),
        "brier": lambda at: float(np.mean((probabilities[at] - covid[at]) ** 2)),
    }
    everything = np.arange(covid.size)
    figures: dict[str, Any] = {"n": int(covid.size), "covid": int(covid.sum()), "patients": len(set(patients))}
    for name, statistic in statistics.items():
        interval = bootstrap_interval(patients, statistic)
        figures[name] = {
            "value": round(statistic(everything), 4),
            "interval": [round(bound, 4) for bound in interval],
        }
    figures["expected_calibration_error"] = round(expected_calibration_error(probabilities, covid), 4)
    return figures
