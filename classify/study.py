"""Combine the probabilities of a scan's slices into one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .calibration import calibrate
from .trust.heads import INTERVAL

STUDY_SHARE = 1.0
"""Share of the lungs whose slices' mean is the scan's probability: those with the highest probabilities."""


def suspicious(probabilities: NDArray[np.floating], lung: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Return how much of each slice's lung belongs to the share of the lungs with the highest probabilities.

    Parameters
    ----------
    probabilities : ndarray of float, shape (slices,)
    lung : ndarray of float64, shape (slices,)
        Amount of lung in each slice.
    share : float
        Share of the lungs that counts, 0 to 1; one slice counts in part.
    """
    order = np.argsort(-probabilities, kind="stable")
    before = np.cumsum(lung[order]) - lung[order]
    counted = np.zeros(lung.shape)
    counted[order] = np.clip(share * lung.sum() - before, 0, lung[order])
    return counted


def study_probability(probabilities: NDArray[np.float32], counted: NDArray[np.float64]) -> float | None:
    """Return the mean over the slices that count; None if no slice does."""
    found = counted > 0
    return float(np.average(probabilities[found], weights=counted[found])) if found.any() else None


def study_interval(heads: NDArray[np.float32], counted: NDArray[np.float64], said: float) -> tuple[float, float]:
    """Return the interval of the scan's probability over the heads, from their logits, float32 (slices, heads)."""
    found = counted > 0
    each = np.average(calibrate(heads[found], 1.0), axis=0, weights=counted[found])
    low, high = np.percentile(each, INTERVAL)
    return float(min(low, said)), float(max(high, said))
