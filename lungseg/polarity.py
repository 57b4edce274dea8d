"""Run the segmenter, and handle inverted pictures and lungs that were already cut out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..sources import Scan
from .cutout import CUT_OUT, is_cut_out, what_is_left
from .quality import CONFIDENCE
from .segmenter import LungSegmenter, Segmentation

GLANCE = 0.85
"""Confidence at a glance from which a second segmentation is worthwhile. Of 125 pictures from the training sources, 124
reach it the right way round; half also reach it when inverted, and then the second segmentation is wasted."""


def find_lungs(segmenter: LungSegmenter, scan: Scan) -> tuple[Scan, Segmentation]:
    """Find the lungs, and undo an inversion of black and white.

    Lungs that were already cut out are used as they are; see `is_cut_out`.

    Only grey pictures can be inverted without a sign of it, and only if the network is unsure is the inverse tried. For
    none of 125 pictures from the training sources did the inverse give more confidence.

    Parameters
    ----------
    segmenter : LungSegmenter
    scan : Scan

    Returns
    -------
    scan : Scan
        The given scan, or its inverse with the warning ``inverted``.
    lungs : Segmentation
    """
    if segmenter.card.modality == "ct" and is_cut_out(scan):
        mask = what_is_left(scan)
        sure = np.where(mask.any(axis=(1, 2)), np.float32(1), np.float32(0))
        return scan, Segmentation(mask, sure, (CUT_OUT,))
    lungs = segmenter.segment(scan)
    if scan.intensity == "hu" or _mean(lungs.confidence) >= CONFIDENCE:
        return scan, lungs
    turned = replace(scan, pixels=1 - scan.pixels, warnings=(*scan.warnings, "inverted"))
    if _mean(segmenter.glance(turned)) < GLANCE:
        return scan, lungs
    other = segmenter.segment(turned)
    return (turned, other) if _mean(other.confidence) >= CONFIDENCE else (scan, lungs)


def _mean(confidence: NDArray[np.float32]) -> float:
    """Return the mean over slices with lung; 0 if there are none."""
    found = confidence[confidence > 0]
    return float(np.mean(found)) if found.size else 0.0
