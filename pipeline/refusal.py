"""When the pipeline refuses to judge: the scan is unlike the training data, or its mask can't be believed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..classify import Classification

UNLIKE = "unlike-training"
"""The code that goes with it."""

DOUBT = 0.15
"""How much an expected Dice may lack before a slice is refused: twice what any validation slice lacks."""


def ood_score(result: Classification, confidence: NDArray[np.float32]) -> float | None:
    """Return how unlike the training data a scan is; above 1 it is refused.

    The larger of two, for each slice: the distance of the classifier's features from those of its training data, as a
    share of the card's limit, and the segmenter's doubt about the mask, as a share of `DOUBT`. Of a scan the mean,
    weighted by lung.

    Parameters
    ----------
    result : Classification
    confidence : ndarray of float32, shape (slices,)
        Of the masks, see `lungct.lungseg.Segmentation`.

    Returns
    -------
    float or None
        None without lung, and where the classifier's card knows no limit.
    """
    found = result.lung > 0
    distances = result.distances[found]
    if not found.any() or np.isnan(distances).any():
        return None
    return float(np.average(np.maximum(distances, (1 - confidence[found]) / DOUBT), weights=result.lung[found]))
