"""Evidence by occlusion: parts of the lungs are hidden one after another, and the answer watched.

Zeiler and Fergus 2014, arXiv 1311.2901. There a grey square slides over the picture; here only its lung is hidden,
under the median of the slice's lung, so that what is left looks like a lung with less in it, and not like a hole. Where
disease is in many places, hiding one of them changes little; so each part is also shown alone, all other lung hidden.
The mean of both is the Shapley value's estimate from one order of the parts and its reverse (Castro et al. 2009,
doi 10.1016/j.cor.2008.04.004, sample such orders).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

CELLS = 7
"""Rows and columns of the grid that windows move on."""

WINDOW = 2
"""Side of a window in cells; neighbours overlap by half. Smaller windows hide too little of an opacity."""

LEAST_LUNG = 0.05
"""Windows with a smaller share of lung are not worth a run of the network."""


def occlusion_grid(
    score: Callable[[NDArray[np.float32]], float], roi: NDArray[np.float32], lung: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Hide the lung in every window of a region of interest, and return what each place does to the answer.

    Parameters
    ----------
    score : callable
        From a region of interest to its calibrated logit.
    roi : ndarray of float32, shape (size, size)
        What the network is shown.
    lung : ndarray of float32, shape (size, size)
        The share of each pixel that is lung.

    Returns
    -------
    ndarray of float32, shape (CELLS, CELLS)
        What a window full of lung around this place adds to the logit, the mean of two cases: all other lung is shown,
        or hidden. Above 0 it speaks for COVID. Each place takes the mean of the windows over it, weighted by their
        lung; 0 where there is none.
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
    """Return a region of interest with one window of another."""
    mixed = roi.copy()
    mixed[window] = other[window]
    return mixed


def _windows(height: int, width: int) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Yield every window as cells and as pixels; those on the border reach beyond it, so each cell has as many."""
    rows, columns = (np.rint(np.linspace(0, length, CELLS + 1)).astype(int) for length in (height, width))
    starts = range(1 - WINDOW, CELLS)
    for top, left in itertools.product(starts, starts):
        cells = tuple(slice(max(0, start), min(CELLS, start + WINDOW)) for start in (top, left))
        pixels = tuple(slice(edges[at.start], edges[at.stop]) for edges, at in zip((rows, columns), cells, strict=True))
        yield cells, pixels
