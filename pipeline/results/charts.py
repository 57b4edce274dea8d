"""Draw the charts of a result sheet as inline SVG, in the page's colours."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import numpy as np
from numpy.typing import NDArray

from .wording import probability_in_words

LEFT, WIDTH = 20, 360
"""Start and length of the bar's axis, of 400 units."""


def probability_bar(probability: float, interval: tuple[float, float] | None, threshold: float | None) -> str:
    """Return an axis from 0 to 1 with the probability as a dot, its interval as a band, and the threshold as a mark."""
    words = probability_in_words(probability, interval)
    words += "" if threshold is None else f", threshold {threshold:.2f}"
    parts = [f'<path class=axis d="M{LEFT} 38h{WIDTH}"/>']
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<path class=axis d="M{_x(tick)} 34v8"/><text x="{_x(tick)}" y="62">{tick:g}</text>')
    if interval is not None:
        low, high = interval
        parts.append(f'<rect class=band x="{_x(low)}" y="29" width="{max(WIDTH * (high - low), 2):.1f}" height="18"/>')
    if threshold is not None:
        beside = min(max(_x(threshold), 50), 350)
        parts.append(f'<path class=mark d="M{_x(threshold)} 19v27"/>')
        parts.append(f'<text x="{beside}" y="13">threshold {threshold:.2f}</text>')
    parts.append(f'<circle class=dot cx="{_x(probability)}" cy="38" r="7"/>')
    return f'<svg class=bar viewBox="0 0 400 68" role=img aria-label="{escape(words)}">{"".join(parts)}</svg>'


def _x(value: float) -> float:
    return round(LEFT + WIDTH * value, 1)


def slice_chart(probabilities: NDArray[np.float32], threshold: float | None) -> str:
    """Return a chart with one bar per slice, as high as its probability; slices above the threshold are highlighted.

    Parameters
    ----------
    probabilities : ndarray of float32, shape (slices,)
        NaN for slices without a probability, which have no bar.
    threshold : float or None
    """
    high = np.zeros(probabilities.shape, bool) if threshold is None else probabilities >= threshold
    low = np.isfinite(probabilities) & ~high
    bars = "".join(
        f'<path class={kind} d="{"".join(_bars(probabilities, chosen))}"/>'
        for kind, chosen in (("below", low), ("above", high))
    )
    line = "" if threshold is None else f'<path class=mark d="M0 {100 - 100 * threshold:.1f}h{probabilities.size}"/>'
    return (
        f'<svg class=chart viewBox="0 0 {probabilities.size} 100" preserveAspectRatio=none aria-hidden=true>'
        f"{bars}{line}</svg>"
    )


def _bars(probabilities: NDArray[np.float32], chosen: NDArray[np.bool_]) -> Iterator[str]:
    for index in np.flatnonzero(chosen):
        height = max(100 * float(probabilities[index]), 1)
        yield f"M{index + 0.1:.1f} 100v-{height:.1f}h.8v{height:.1f}z"
