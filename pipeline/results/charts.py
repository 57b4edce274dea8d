"""Prepare the charts of a result sheet; their templates are inline SVG in the page's colours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .wording import probability_in_words


def bar_of(probability: float, interval: tuple[float, float] | None, threshold: float | None) -> dict[str, Any]:
    """Return the values for ``templates/bar.svg``: an axis with a probability, its interval and the threshold."""
    words = probability_in_words(probability, interval)
    words += "" if threshold is None else f", threshold {threshold:.2f}"
    return {"words": words, "probability": probability, "interval": interval, "threshold": threshold}


def chart_of(probabilities: NDArray[np.float32], threshold: float | None) -> dict[str, Any]:
    """Return the values for ``templates/chart.svg``: one bar per slice, grouped by whether it reaches the threshold.

    Parameters
    ----------
    probabilities : ndarray of float32, shape (slices,)
        NaN for slices without a probability, which have no bar.
    threshold : float or None
    """
    high = np.zeros(probabilities.shape, bool) if threshold is None else probabilities >= threshold
    low = np.isfinite(probabilities) & ~high
    return {
        "slices": probabilities.size,
        "below": _bars(probabilities, low),
        "above": _bars(probabilities, high),
        "threshold": threshold,
    }


def _bars(probabilities: NDArray[np.float32], chosen: NDArray[np.bool_]) -> list[tuple[int, float]]:
    """Return the index of each bar, and its height from 1 to 100."""
    return [(int(index), max(100 * float(probabilities[index]), 1)) for index in np.flatnonzero(chosen)]
