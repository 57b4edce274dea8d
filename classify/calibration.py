"""Turn logits into calibrated probabilities, and choose thresholds.

Temperature scaling: Guo et al. 2017, arXiv 1706.04599.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.sigmoid import sigmoid


def calibrate(logit: Any, temperature: float) -> NDArray[np.float32]:
    """Return probabilities, float32, from logits divided by the temperature."""
    return np.asarray(sigmoid(np.asarray(logit, dtype=np.float32) / np.float32(temperature)), dtype=np.float32)


def fit_temperature(
    logits: NDArray[np.float64], covid: NDArray[np.bool_], weights: NDArray[np.float64] | None = None
) -> float:
    """Return the temperature, 0.05 to 20, that minimises the logits' cross-entropy, weighted if weights are given."""
    from scipy.optimize import minimize_scalar

    signed = np.where(covid, logits, -logits)
    found = minimize_scalar(
        lambda log_t: float(np.average(np.logaddexp(0, -signed / np.exp(log_t)), weights=weights)),
        bounds=(np.log(0.05), np.log(20)),
        method="bounded",
    )
    return float(np.exp(found.x))


def accurate_threshold(
    probabilities: NDArray[np.float64], covid: NDArray[np.bool_], weights: NDArray[np.float64]
) -> float:
    """Return the threshold with the highest weighted accuracy, moved half way to the next lower probability."""
    order = np.argsort(-probabilities, kind="stable")
    gained = np.cumsum(np.where(covid, weights, -weights)[order])  # by calling one more picture COVID
    last = np.flatnonzero(np.diff(probabilities[order], append=-1.0))  # of each run of equal probabilities
    return _half_way_below(float(probabilities[order][last[np.argmax(gained[last])]]), probabilities)


def youden_threshold(probabilities: NDArray[np.float64], covid: NDArray[np.bool_]) -> float:
    """Return the threshold with the largest sum of sensitivity and specificity.

    It is half way between the two probabilities that it separates, so that rounding doesn't change any decision.
    """
    from sklearn.metrics import roc_curve

    false, true, thresholds = roc_curve(covid, probabilities, drop_intermediate=False)
    return _half_way_below(float(thresholds[np.argmax(true - false)]), probabilities)


def sensitive_threshold(probabilities: NDArray[np.float64], covid: NDArray[np.bool_], sensitivity: float) -> float:
    """Return the highest threshold with at least this sensitivity, moved half way to the next lower probability."""
    positive = np.sort(probabilities[covid])[::-1]
    needed = int(np.ceil(sensitivity * positive.size - 1e-9))
    return _half_way_below(float(positive[max(needed, 1) - 1]), probabilities)


def _half_way_below(best: float, probabilities: NDArray[np.float64]) -> float:
    below = probabilities[probabilities < best]
    return float((best + below.max()) / 2) if below.size and np.isfinite(best) else min(best, 1.0)
