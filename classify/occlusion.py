"""Compute evidence by occlusion: hide parts of the lungs in turn, and measure how the answer changes.

Zeiler and Fergus 2014, arXiv 1311.2901, slide a grey square over the picture. Here, only lung is hidden, by replacing
it with the median of the slice's lung, so that the result looks like a lung with less in it, not like a hole. If
disease is in many places, hiding one of them changes little; so each part is also shown alone, with all other lung
hidden. The mean of both estimates the Shapley value from one order of the parts and its reverse (Castro et al. 2009,
doi 10.1016/j.cor.2008.04.004, sample such orders).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

CELLS = 7
"""Rows and columns of the grid on which windows move."""

WINDOW = 2
"""Side of a window in cells; neighbouring windows overlap by half. Smaller windows hide too little of an opacity."""

LEAST_LUNG = 0.05
"""Windows with a smaller share of lung are skipped."""


def occlusion_grid(
    score: Callable[[NDArray[np.float32]], float], roi: NDArray[np.float32], lung: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Hide the lung in every window of a region of interest, and return each place's effect on the answer.

    Parameters
    ----------
    score : callable
        Takes a region of interest and returns its calibrated logit.
    roi : ndarray of float32, shape (size, size)
        The network's input.
    lung : ndarray of float32, shape (size, size)
        The share of each pixel that is lung.

    Returns
    -------
    ndarray of float32, shape (CELLS, CELLS)
        How much a window full of lung at this place adds to the logit, averaged over two cases: all other lung shown,
        and all other lung hidden. Above 0 is evidence for COVID. Each place is the mean of the windows that cover it,
        weighted by their lung; 0 without lung.
    """
    lung_pixels = roi[lung > 0.5]
    neutral = np.median(lung_pixels) if lung_pixels.size else np.float32(0)
    hidden = roi + lung * (neutral - roi)
    span = score(roi) - score(hidden)
    full = roi.size * (WINDOW / CELLS) ** 2
    change, weight = np.zeros((CELLS, CELLS)), np.zeros((CELLS, CELLS))
    for cells, window in _windows(*roi.shape):
        share = float(lung[window].sum()) / full
        if share < LEAST_LUNG:
            continue
        alone = _with(hidden, roi, window)
        without = _with(roi, hidden, window)
        change[cells] += (span + score(alone) - score(without)) / 2
        weight[cells] += share
    return np.divide(change, weight, out=np.zeros_like(change), where=weight > 0).astype(np.float32)


def _with(roi: NDArray[np.float32], other: NDArray[np.float32], window: tuple[slice, ...]) -> NDArray[np.float32]:
    """Return a region of interest with one window replaced by that of another."""
    mixed = roi.copy()
    mixed[window] = other[window]
    return mixed


def _windows(height: int, width: int) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Yield every window as cells and as pixels; border windows are clipped, so every cell is in equally many."""
    rows, columns = (np.rint(np.linspace(0, length, CELLS + 1)).astype(int) for length in (height, width))
    starts = range(1 - WINDOW, CELLS)
    for top, left in itertools.product(starts, starts):
        cells = tuple(slice(max(0, start), min(CELLS, start + WINDOW)) for start in (top, left))
        pixels = tuple(slice(edges[at.start], edges[at.stop]) for edges, at in zip((rows, columns), cells, strict=True))
        yield cells, pixels
