"""Notice pictures that show more than one slice: panels side by side or stacked, and screenshots with wide margins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..sources import Scan

PANELS = "several-panels"
"""Warning code for such pictures."""

SEAM = 4.0
"""At a seam, neighbouring columns differ this many times more than columns do in general."""

AROUND = 8
"""Columns on each side that are compared with a seam."""

SHARP = 2.5
"""At a seam, columns differ this many times more than beside it."""

LEAST_SEAM = 0.06
"""And by at least this share of the picture's range."""

FLAT = 0.008
"""A column or row whose grey values vary less than this, of 0 to 1, is a gutter or a margin."""

OFF_CENTRE = 0.03
"""A seam is this near to where equal panels meet, as a share of the side."""

PANEL = (0.7, 1.6)
"""Width of a panel divided by its height."""

LUNG = 0.15
"""Least share of the lung in a panel."""

LEAST_EDGE = 0.15
"""Least difference between a margin and the picture, as a share of the picture's range."""

BRIGHT, MARGIN = 0.5, 0.3
"""Margins of a page or a screen are bright; above this share of the area, too little of the picture is left."""


def has_several_panels(scan: Scan, mask: NDArray[np.bool_]) -> bool:
    """Tell whether a picture shows several panels, or little but margins.

    Parameters
    ----------
    scan : Scan
        Only single slices are pictures; volumes never have panels.
    mask : ndarray of bool, shape (slices, height, width)
        Lung.
    """
    if len(scan) > 1 or not mask.any():
        return False
    low, high = float(scan.pixels.min()), float(scan.pixels.max())
    if high <= low:
        return False
    picture = (scan.pixels[0] - np.float32(low)) / np.float32(high - low)
    inner = _without_margins(picture)
    rows, columns = inner
    if 1 - (rows.stop - rows.start) * (columns.stop - columns.start) / picture.size > MARGIN:
        return True
    return _is_divided(picture[inner], mask[0][inner])


def _is_divided(picture: NDArray[np.float32], mask: NDArray[np.bool_]) -> bool:
    """Tell whether a picture is a row, a column or a grid of panels with lung in each."""
    height, width = picture.shape
    for across, down in ((2, 1), (1, 2), (3, 1), (1, 3), (2, 2)):
        if not PANEL[0] <= width / across / (height / down) <= PANEL[1]:
            continue
        parts = [part for row in np.array_split(mask, down) for part in np.array_split(row, across, axis=1)]
        if sum(part.sum() >= LUNG * mask.sum() for part in parts) < max(2, len(parts) - 1):
            continue
        pairs = all(_lungs_in(part) >= 2 for part in parts)
        if _is_cut(picture, across, pairs=pairs) and _is_cut(picture.T, down, pairs=pairs):
            return True
    return False


def _is_cut(picture: NDArray[np.float32], count: int, *, pairs: bool) -> bool:
    """Tell whether a picture has a seam or a gutter wherever `count` equal panels in a row meet.

    Where the gutter is as black as the panels' background, its sides are no seams. It then counts if each panel has a
    pair of lungs: the middle of lungs that were cut out is as black.
    """
    width = picture.shape[1]
    steps, least = _steps(picture)
    flat = picture.std(axis=0) < FLAT
    for index in range(1, count):
        start, stop = (round(width * (index / count + side * OFF_CENTRE)) for side in (-1, 1))
        around = slice(max(0, start), max(start + 1, stop))
        peak = around.start + int(steps[around].argmax())
        beside = float(np.median(steps[max(0, peak - AROUND) : peak + AROUND + 1]))
        if not (steps[peak] > max(least, SHARP * beside) or (pairs and flat[around].any())):
            return False
    return True


def _steps(picture: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Return how much each column differs from the next, and from what on that is a seam."""
    steps = np.abs(np.diff(picture, axis=1)).mean(axis=0)
    return steps, max(LEAST_SEAM, SEAM * float(np.median(steps)))


def _lungs_in(mask: NDArray[np.bool_]) -> int:
    """Return how many lungs lie side by side: runs of columns with a good part of the lung."""
    columns = mask.sum(axis=0)
    filled = np.concatenate([[0], (columns > mask.shape[0] * 0.02).astype(np.int8), [0]])
    starts, stops = (np.flatnonzero(np.diff(filled) == way) for way in (1, -1))
    return sum(int(columns[a:b].sum()) >= LUNG * mask.sum() for a, b in zip(starts, stops, strict=True))


def _without_margins(picture: NDArray[np.float32]) -> tuple[slice, slice]:
    """Return the rows and columns between bright, even margins that end at a straight edge."""
    return _between_margins(picture.T), _between_margins(picture)


def _between_margins(picture: NDArray[np.float32]) -> slice:
    used = np.flatnonzero((picture.std(axis=0) >= FLAT) | (picture.mean(axis=0) < BRIGHT))
    width = picture.shape[1]
    if not used.size:
        return slice(0, width)
    steps, _ = _steps(picture)
    first, last = int(used[0]), int(used[-1])
    start = first if first and steps[first - 1] > LEAST_EDGE else 0
    stop = last + 1 if last + 1 < width and steps[last] > LEAST_EDGE else width
    return slice(start, stop)
