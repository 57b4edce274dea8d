"""How much of the body each slice counts for, from the positions of the slices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

GAP = 1.5
"""A gap of more than this many usual steps has slices missing from it."""


def usual_step(positions: NDArray[np.float64]) -> float:
    """Return the usual distance between neighbours in mm: the median gap, of an even number the lower one.

    Parameters
    ----------
    positions : ndarray of float64, shape (slices,)
        In mm, sorted either way; at least two.
    """
    gaps = np.sort(np.abs(np.diff(positions)))
    return float(gaps[(len(gaps) - 1) // 2])


def mean_step(positions: NDArray[np.float64]) -> float:
    """Return the mean distance between neighbours in mm, without gaps where slices are missing."""
    gaps = np.abs(np.diff(positions))
    return float(gaps[gaps <= GAP * usual_step(positions)].mean())


def depths_of(positions: NDArray[np.float64], thicknesses: Sequence[float | None] = ()) -> NDArray[np.float64]:
    """Return how far each slice reaches along the body: half way to its neighbours, but never beyond the usual step.

    So a stray slice, or one beside a gap, counts no more than the others. A slice thicker than the usual step may
    count for its thickness.

    Parameters
    ----------
    positions : ndarray of float64, shape (slices,)
        In mm, sorted either way; at least two.
    thicknesses : sequence of float or None
        Slice thickness in mm; None where unknown. May be empty.

    Returns
    -------
    ndarray of float64, shape (slices,)
        In mm.
    """
    gaps = np.abs(np.diff(positions))
    most = np.full(len(positions), GAP * usual_step(positions))
    usual = np.full(len(positions), usual_step(positions))
    if len(thicknesses) == len(positions):
        usual = np.maximum(usual, [thickness or 0.0 for thickness in thicknesses])
        most = np.maximum(most, usual)
    before, after = np.r_[gaps[:1], gaps], np.r_[gaps, gaps[-1:]]
    sides = [np.where(side <= most, side, usual) for side in (before, after)]
    return np.asarray((sides[0] + sides[1]) / 2)
