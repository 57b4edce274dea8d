"""Turn a probability into a label, collect warnings, and decide when the pipeline gives no answer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..classify import Classification
from ..common.modality import Modality
from ..lungseg import Segmentation
from ..sources import Scan
from .results.data import Label
from .results.lungs import implausible

UNLIKE = "unlike-training"
"""Warning code for scans unlike the training data."""

SPARSE_MM = 10.0
"""Distance between slices in mm beyond which a lung volume is an estimate."""

ASSUMED_SIDES = "assumed-sides"
"""The code of labels of the right and left lung whose input doesn't say how the patient lies."""

LOOKS_LIKE: Mapping[Modality, str] = {"ct": "looks-like-ct", "xray": "looks-like-xray"}
"""Warning codes for pictures that look like another modality than the networks', by that modality."""


def label_of(probability: float | None, threshold: float, *, refused: bool) -> Label:
    """Return a scan's label: COVID at or above the threshold; indeterminate without lung or if refused."""
    if probability is None or refused:
        return "indeterminate"
    return "COVID" if probability >= threshold else "non-COVID"


def ood_score(result: Classification, confidence: NDArray[np.float32], least_confidence: float) -> float | None:
    """Return how unlike the training data a scan is; above 1 it is refused.

    For each slice this is the larger of two ratios: the distance of the classifier's features from its training data,
    relative to the card's limit, and the segmenter's doubt about the mask, relative to the largest that its card
    allows. For a scan it is the mean over slices, weighted by lung. Other flags of the mask don't count, because cut
    lungs and single lungs do occur.

    Parameters
    ----------
    result : Classification
    confidence : ndarray of float32, shape (slices,)
        Confidence of the masks; see `lungct.lungseg.Segmentation`.
    least_confidence : float
        Confidence below which a slice is refused.

    Returns
    -------
    float or None
        None without lung, and if the classifier's card gives no limit.
    """
    found = result.lung > 0
    distances = result.distances[found]
    if not found.any() or np.isnan(distances).any():
        return None
    doubts = (1 - confidence[found]) / (1 - least_confidence)
    return float(np.average(np.maximum(distances, doubts), weights=result.lung[found]))


def warnings_of(scan: Scan, lungs: Segmentation, *, lung_found: bool) -> tuple[str, ...]:
    """Return a result's codes: those of the mask (`lungct.lungseg.quality_flags`), of its measures and of the input."""
    found = [*lungs.flags, *implausible(scan, lungs.mask, lungs.flags)] if lung_found else ["no-lung"]
    if scan.intensity_guessed:
        found.append("unknown-intensity")
    if not scan.intensity_possible:
        found.append("implausible-values")
    if len(scan) > 1 and scan.spacing is not None and scan.spacing[0] > SPARSE_MM:
        found.append("sparse-slices")
    return (*found, *scan.warnings)


def warnings_of_labels(scan: Scan) -> tuple[str, ...]:
    """Return the codes that apply to labels of the right and left lung of a scan."""
    known = scan.grid is not None and "unknown-orientation" not in scan.warnings
    return () if known else (ASSUMED_SIDES,)
