"""Compare infection found with infection drawn: lesion by lesion, and pixel by pixel over all thresholds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SMALLEST = 10
"""Fewest pixels of a lesion; smaller ones are mostly slips of the pen."""

SMALL = 0.01
"""Share of the slice's lungs below which a lesion is small: in the middle of the chest, about 2 cm across."""

HIT = 0.5
"""Share of a lesion's pixels from which it counts as hit."""

BINS = 2000
"""Steps of the logit over which pixels are counted, to compute the AUROC of any number of them."""

FURTHEST = 14.0
"""Logit at which the steps end; probabilities in single precision hardly come closer to 0 and 1."""


class Lesion(NamedTuple):
    """One lesion in one slice, and how much of it was found.

    Parameters
    ----------
    size : float
        Its share of the slice's lungs; NaN if no lungs were found.
    found : float
        Share of its pixels that were found, 0 to 1.
    """

    size: float
    found: float

    @property
    def is_hit(self) -> bool:
        """Whether at least half of it was found."""
        return self.found >= HIT


def lesions_of(drawn: NDArray[np.bool_], found: NDArray[np.bool_], lung: int) -> list[Lesion]:
    """Return the lesions of one slice: connected parts of at least `SMALLEST` pixels that touch at edges or corners.

    Parameters
    ----------
    drawn, found : ndarray of bool, shape (height, width)
    lung : int
        Pixels of the slice's lungs; 0 if none were found.
    """
    from scipy.ndimage import label

    labels, _ = label(drawn, structure=np.ones((3, 3)))
    areas = np.bincount(labels.ravel())
    hits = np.bincount(labels[found], minlength=areas.size)
    return [
        Lesion(float(area / lung) if lung else np.nan, float(hit / area))
        for area, hit in zip(areas[1:], hits[1:], strict=True)
        if area >= SMALLEST
    ]


def count_scores(probabilities: NDArray[np.float32], infected: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count pixels by their probability of infection.

    Counts of many slices can be added, so that the pixels need not be kept.

    Parameters
    ----------
    probabilities : ndarray of float32, shape (n,)
    infected : ndarray of bool, shape (n,)

    Returns
    -------
    ndarray of int64, shape (2, BINS)
        Pixels without and with infection, in equal steps of the logit.
    """
    from scipy.special import logit

    places = (np.clip(logit(probabilities), -FURTHEST, FURTHEST) / FURTHEST + 1) * ((BINS - 1) / 2)
    codes = np.rint(places).astype(np.intp) + BINS * infected
    return np.bincount(codes, minlength=2 * BINS).astype(np.int64).reshape(2, BINS)


def auroc_of_counts(counts: NDArray[np.int64]) -> float:
    """Return the area under the ROC curve from the result of `count_scores`; NaN if a class is missing.

    Computed as in `lungct.classify.evaluation.metrics.auc`; pixels of one step count as ties.
    """
    clean, infected = counts.astype(np.float64)
    pairs = clean.sum() * infected.sum()
    below = np.cumsum(clean) - clean / 2
    return float(infected @ below / pairs) if pairs else float("nan")
