"""Combine the probabilities of a scan's slices into one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .calibration import calibrate
from .trust.heads import INTERVAL


def study_probability(probabilities: NDArray[np.float32], lung: NDArray[np.float64]) -> float | None:
    """Return the mean over slices, weighted by the amount of lung in each; None without lung."""
    found = lung > 0
    return float(np.average(probabilities[found], weights=lung[found])) if found.any() else None


def study_interval(heads: NDArray[np.float32], lung: NDArray[np.float64], said: float) -> tuple[float, float]:
    """Return the interval of the scan's probability over the heads, from their logits, float32 (slices, heads)."""
    found = lung > 0
    each = np.average(calibrate(heads[found], 1.0), axis=0, weights=lung[found])
    low, high = np.percentile(each, INTERVAL)
    return float(min(low, said)), float(max(high, said))
