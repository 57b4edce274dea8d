"""From a probability to a label: the threshold, the warnings, and when the pipeline refuses to judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..classify import Classification
from ..common.modality import Modality
from ..sources import Scan
from .results.data import Label

UNLIKE = "unlike-training"
"""The code that goes with it."""

LOOKS_LIKE: Mapping[Modality, str] = {"ct": "looks-like-ct", "xray": "looks-like-xray"}
"""The codes of pictures that look like the modality other than the networks', by it: see `Recognizer`."""


def label_of(probability: float | None, threshold: float, *, refused: bool) -> Label:
    """Return what a scan is called: COVID from the threshold on, nothing without lung and where it is refused."""
    if probability is None or refused:
        return "indeterminate"
    return "COVID" if probability >= threshold else "non-COVID"


def ood_score(result: Classification, confidence: NDArray[np.float32], least_confidence: float) -> float | None:
    """Return how unlike the training data a scan is; above 1 it is refused.

    The larger of two, for each slice: the distance of the classifier's features from those of its training data, as a
    share of the card's limit, and the segmenter's doubt about the mask, as a share of the largest its card allows. Of
    a scan the mean, weighted by lung. Other flags of the mask don't count: cut lungs and single lungs are real.

    Parameters
    ----------
    result : Classification
    confidence : ndarray of float32, shape (slices,)
        Of the masks, see `lungct.lungseg.Segmentation`.
    least_confidence : float
        Below it a slice is refused.

    Returns
    -------
    float or None
        None without lung, and where the classifier's card knows no limit.
    """
    found = result.lung > 0
    distances = result.distances[found]
    if not found.any() or np.isnan(distances).any():
        return None
    doubts = (1 - confidence[found]) / (1 - least_confidence)
    return float(np.average(np.maximum(distances, doubts), weights=result.lung[found]))


def warnings_of(scan: Scan, flags: Sequence[str], *, lung_found: bool) -> tuple[str, ...]:
    """Return the short codes that go with a result: of the mask (`lungct.lungseg.quality_flags`) and of the input."""
    found = list(flags) if lung_found else ["no-lung"]
    if scan.intensity_guessed:
        found.append("unknown-intensity")
    return (*found, *scan.warnings)
