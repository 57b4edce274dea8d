"""Slices whose lungs were already cut out by someone else, with black around them: a common way to publish CT.

The network was trained on whole slices. It takes the black for air, or the lungs for the tissue of an inverted picture.
For such slices the mask is simply what is left in the picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..sources import Scan
from ..sources.intensity import apply_window
from .cleanup import clean_mask
from .components import Components

CUT_OUT = "lungs-cut-out"
"""The warning code of such scans."""

WINDOW = (-1000.0, 400.0)
"""HU shown as black and as white when a calibrated slice is checked."""

SAME_GREY = 6 / 255
"""Pixels this close to the grey of the background belong to it: JPEG blurs the edge."""

LEAST_BACKGROUND = 0.2
"""Smallest share of the picture that the background takes."""

LEAST_CONSTANT = 0.88
"""Smallest share of the background within a third of `SAME_GREY`: around a body there is noise, or a table."""

MOST_HOLES = 0.12
"""Largest share of background grey inside what is left: more of it means a body shown in a soft tissue window."""

MOST_FILLED = 0.93
"""Largest filled share between the first and last pixel of each row or column: a body is solid, lungs are not."""

SPREAD = 0.4
"""Largest interquartile range, as a share of the range of grey: a body holds lungs, fat, muscle and bone."""

DARK_TAIL = 0.5
"""Largest distance from the 5th percentile to the median, as a share of the range: in a body lungs are far darker."""

LOOKED_AT = 5
"""Number of slices of a volume that are checked, spread over its length."""

SIDE = 128
"""Larger pictures are subsampled to about this side for the check."""


def is_cut_out(scan: Scan) -> bool:
    """Tell whether the lungs of a scan were cut out by someone else.

    The limits were chosen on 1,078 such pictures of two sources and 3,900 others of five (docs/training-lungseg.md).

    Parameters
    ----------
    scan : Scan

    Returns
    -------
    bool
        True if most of the slices that show anything look like it.
    """
    places = np.unique(np.linspace(0, len(scan) - 1, min(len(scan), LOOKED_AT)).astype(int))
    grey = (apply_window(scan.pixels[index], scan.intensity, WINDOW) for index in places)
    found = [_looks_cut_out(one, scan.intensity == "hu") for one in grey if one.min() < one.max()]
    return sum(found) * 2 > len(found)


def what_is_left(scan: Scan) -> NDArray[np.bool_]:
    """Return everything but the background as lung, bool (slices, height, width)."""
    mask = np.empty(scan.shape, dtype=np.bool_)
    for index, pixels in enumerate(scan.pixels):
        mask[index] = clean_mask(~_background(apply_window(pixels, scan.intensity, WINDOW)))
    return mask


def _looks_cut_out(grey: NDArray[np.float32], calibrated: bool) -> bool:
    """Check one slice of grey in [0, 1] against the limits above."""
    step = max(1, -(-max(grey.shape) // SIDE))
    grey = grey[::step, ::step]
    value = _border_grey(grey)
    near = np.abs(grey - value) <= SAME_GREY
    if near.mean() < LEAST_BACKGROUND or near.all():
        return False
    low, first, median, third, high = np.percentile(grey[~near], (5, 25, 50, 75, 99))
    if value >= low and not (calibrated and value > high):  # a picture with a white background shows a lung window
        return False
    scale = abs(high - value) if value < low else value - low
    if third - first > SPREAD * scale or median - low > DARK_TAIL * scale:
        return False
    background = _background(grey)
    left = clean_mask(~background)
    if background.mean() < LEAST_BACKGROUND or not left.any():
        return False
    constant = (np.abs(grey - value) <= SAME_GREY / 3)[background].mean()
    holes = (near & ~background).sum() / (~background).sum()
    return bool(constant >= LEAST_CONSTANT and holes <= MOST_HOLES and _filled(left) <= MOST_FILLED)


def _background(grey: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the pixels that have the grey of the border and connect to it."""
    parts = Components.of(np.abs(grey - _border_grey(grey)) <= SAME_GREY)
    return parts.mask(parts.at_border())


def _border_grey(grey: NDArray[np.float32]) -> float:
    """Return the commonest of 256 greys along the border."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return float(np.bincount(np.rint(border * 255).astype(int)).argmax() / 255)


def _filled(mask: NDArray[np.bool_]) -> float:
    """Return the filled share between the first and last pixel of each row, or each column, whichever is less."""

    def share(rows: NDArray[np.bool_]) -> float:
        after, before = np.logical_or.accumulate(rows, axis=1), np.logical_or.accumulate(rows[:, ::-1], axis=1)[:, ::-1]
        return float(rows.sum() / (after & before).sum())

    return min(share(mask), share(mask.T))
