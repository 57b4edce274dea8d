"""Compute discrimination and calibration metrics.

Names and definitions follow scikit-learn; sensitivity is the recall of COVID, specificity that of non-COVID.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.intervals import RESAMPLES, Statistic, decimals, interval_of

BINS = 10

FEWER_RESAMPLES = 500
"""Bootstrap resamples for tables with many figures."""


def auc(scores: NDArray[np.float64], covid: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve; NaN if a class is missing.

    Computed as the probability that a COVID score is higher than a non-COVID one (Mann and Whitney 1947), because
    scikit-learn's curve takes twenty times as long, and a bootstrap needs thousands.
    """
    positive, negative = scores[covid], np.sort(scores[~covid])
    if not positive.size or not negative.size or not np.isfinite(scores).all():
        return float("nan")
    below, not_above = np.searchsorted(negative, positive, "left"), np.searchsorted(negative, positive, "right")
    return float((below.sum() + not_above.sum()) / (2 * positive.size * negative.size))


def auc_of(scores: NDArray[np.float64], covid: NDArray[np.bool_]) -> Statistic:
    """Return the area under the ROC curve as a function of resampled pictures."""
    return Statistic(lambda at: auc(scores[at], covid[at]), (covid, ~covid))


def average_precision(scores: NDArray[np.float64], covid: NDArray[np.bool_]) -> float:
    """Return the area under the precision-recall curve, as defined by scikit-learn; NaN without COVID.

    This is the precision at each score, weighted by the increase in recall. It is faster than scikit-learn's, which
    matters for the bootstrap.
    """
    if not covid.any():
        return float("nan")
    order = np.argsort(-scores)
    last = np.flatnonzero(np.diff(scores[order], append=np.inf))  # last of each run of equal scores
    found = np.cumsum(covid[order])[last]
    return float(np.sum(np.diff(found, prepend=0) * found / (last + 1)) / found[-1])


def expected_calibration_error(probabilities: NDArray[np.float64], covid: NDArray[np.bool_]) -> float:
    """Return the mean gap between probability and frequency over ten equal bins, weighted by their counts."""
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, probabilities - covid, minlength=BINS)
    return float(np.abs(gaps).sum() / covid.size)


def calibration_error_of(probabilities: NDArray[np.float64], covid: NDArray[np.bool_]) -> Statistic:
    """Return the expected calibration error as a function of resampled pictures."""
    return Statistic(lambda at: expected_calibration_error(probabilities[at], covid[at]), (covid, ~covid))


def share(correct: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
    """Return the share of `among` that is correct, 0 to 1; NaN if `among` is empty."""
    return float(correct[among].mean()) if among.any() else float("nan")


def share_of(correct: NDArray[np.bool_], among: NDArray[np.bool_]) -> Statistic:
    """Return the share of `among` that is correct as a function of resampled pictures."""
    return Statistic(lambda at: share(correct[at], among[at]), (among,), is_share=True)


def predictive_value(own: float, other: float, prevalence: float) -> float:
    """Return the positive (or negative) predictive value, by Bayes' rule.

    Parameters
    ----------
    own, other : float
        Sensitivity and specificity for the positive predictive value; specificity and sensitivity for the negative one.
    prevalence : float
        Share of patients with COVID, 0 to 1; for the negative predictive value, share of patients without it.
    """
    right, wrong = own * prevalence, (1 - other) * (1 - prevalence)
    return right / (right + wrong) if right + wrong > 0 else float("nan")


def with_interval(patients: Sequence[str], statistic: Statistic, resamples: int = RESAMPLES) -> dict[str, Any]:
    """Return a figure's ``value`` and its 95 % ``interval`` over patients, rounded.

    The value is NaN if it is undefined; the interval may be None, see `lungct.common.intervals.interval_of`.
    """
    found = interval_of(patients, statistic, resamples)
    value = _rounded(statistic(np.arange(len(patients))))
    return {"value": value, "interval": None if found is None else [_rounded(end) for end in found]}


def statistics(probabilities: NDArray[np.float64], covid: NDArray[np.bool_], threshold: float) -> dict[str, Statistic]:
    """Return the metrics of a set of pictures, by name, as functions of resampled pictures.

    Parameters
    ----------
    probabilities : ndarray of float64, shape (n,)
    covid : ndarray of bool, shape (n,)
    threshold : float
    """
    called, classes = probabilities >= threshold, (covid, ~covid)
    everywhere = np.ones(covid.shape, dtype=np.bool_)
    return {
        "auc": auc_of(probabilities, covid),
        "average_precision": Statistic(lambda at: average_precision(probabilities[at], covid[at]), classes),
        "accuracy": share_of(called == covid, everywhere),
        "sensitivity": share_of(called, covid),
        "specificity": share_of(~called, ~covid),
        "precision": share_of(covid, called),
        "f1": Statistic(lambda at: _f1(called[at], covid[at]), classes),
        "brier": Statistic(lambda at: float(np.mean((probabilities[at] - covid[at]) ** 2)), classes),
    }


def summarise(
    probabilities: NDArray[np.float64], covid: NDArray[np.bool_], patients: Sequence[str], threshold: float
) -> dict[str, Any]:
    """Return the metrics of one set of pictures, with n and 95 % bootstrap intervals over patients.

    Parameters
    ----------
    probabilities : ndarray of float64, shape (n,)
    covid : ndarray of bool, shape (n,)
    patients : sequence of str
    threshold : float
    """
    figures: dict[str, Any] = counts(covid, patients)
    for name, statistic in statistics(probabilities, covid, threshold).items():
        figures[name] = with_interval(patients, statistic)
    figures["expected_calibration_error"] = round(expected_calibration_error(probabilities, covid), 4)
    return figures


def counts(covid: NDArray[np.bool_], patients: Sequence[str]) -> dict[str, int]:
    """Return the numbers of pictures, of COVID pictures, and of patients."""
    return {"n": int(covid.size), "covid": int(covid.sum()), "patients": len(set(patients))}


def _rounded(value: float) -> float:
    return round(value, decimals(value) + 1) if np.isfinite(value) else float("nan")


def _f1(called: NDArray[np.bool_], covid: NDArray[np.bool_]) -> float:
    both = int((called & covid).sum())
    total = int(called.sum() + covid.sum())
    return 2 * both / total if total else float("nan")
