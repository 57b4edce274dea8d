"""Corrections of a mask from Hounsfield units and neighbouring slices: outside air and gas go, tips of lungs come.

The network sees one slice as grey at 256 x 256 pixels. Of calibrated scans two more facts are known: air is thinner
than lung, and lungs continue from slice to slice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .components import Components

BLOCK = 4
"""Side in pixels of the squares over which HU are averaged: noise makes single pixels of air and lung overlap."""

OUTSIDE_HU = -920.0
"""Squares below this that connect to the border of the picture are air outside the body. Air has -1000 HU, lung -900 to
-700; emphysema is as low, but the chest wall separates it from the border."""

GAS_HU = -950.0
"""Parts of a mask with more than half of their pixels below this are gas in stomach, bowel or airways. Lung below this
value counts as emphysema; even in severe cases that is less than half of the lung."""

DENSE_HU = -200.0
"""Small parts of a mask with a higher mean than this are soft tissue; consolidation is part of larger ones."""

SMALL_PART, SMALL_AREA = 0.05, 0.01
"""A part is small below this share of the largest part in the slice, or of the slice."""

TIP_HU = -500.0
"""Pixels below this in the slice next to the last one with lung may be the tip of the lung."""

LEAST_OVERLAP = 0.5
"""Smallest share of a tip that overlaps the lung in the neighbouring slice."""


def without_air_and_tissue(mask: NDArray[np.bool_], hu: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Drop the air around the body, gas, and specks of tissue from the mask of one slice.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
    hu : ndarray of float32, shape (height, width)

    Returns
    -------
    ndarray of bool, same shape
    """
    outside = _outside_blocks(hu)
    if (mask[::BLOCK, ::BLOCK] & outside).any():
        mask = mask & ~_of_pixels(outside, hu.shape)
    if not mask.any():
        return mask
    rows, columns = (np.flatnonzero(mask.any(axis=axis))[[0, -1]] for axis in (1, 0))
    box = slice(rows[0], rows[1] + 1), slice(columns[0], columns[1] + 1)
    parts = Components.of(mask[box])
    small = parts.sizes < max(SMALL_PART * parts.sizes.max(initial=0), SMALL_AREA * mask.size)
    dense = parts.sum_of(hu[box]) > DENSE_HU * parts.sizes
    kept = np.zeros_like(mask)
    kept[box] = parts.mask(~_is_gas(parts, hu[box]) & ~(small & dense))
    return kept


def outside_air(hu: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Find the air around the body: squares of low HU that connect to the border of the picture.

    Parameters
    ----------
    hu : ndarray of float32, shape (height, width)

    Returns
    -------
    ndarray of bool, same shape
    """
    return _of_pixels(_outside_blocks(hu), hu.shape)


def _outside_blocks(hu: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which squares of a slice are air around the body."""
    parts = Components.of(np.asarray(Image.fromarray(np.ascontiguousarray(hu)).reduce(BLOCK)) < OUTSIDE_HU)
    return parts.mask(parts.at_border())


def _of_pixels(blocks: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the value of each pixel's square."""
    return blocks.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)[: shape[0], : shape[1]]


def add_tips(mask: NDArray[np.bool_], hu: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Add the tips of the lungs of a volume, which the network misses when they are small.

    Parameters
    ----------
    mask : ndarray of bool, shape (slices, height, width)
    hu : ndarray of float32, same shape

    Returns
    -------
    ndarray of bool, same shape
        The mask, plus aerated parts that overlap the lung in the neighbouring slice and are no larger than it.
    """
    areas = mask.sum(axis=(1, 2))
    if not areas.any():
        return mask
    grown = mask.copy()
    middle = int(areas.argmax())
    for steps in (range(middle + 1, len(mask)), range(middle - 1, -1, -1)):
        before = middle
        for index in steps:
            if not grown[before].any():
                break
            if grown[index].sum() < grown[before].sum() / 2:
                grown[index] |= _continuation(grown[before], grown[index], hu[index])
            before = index
    return grown


def _continuation(beside: NDArray[np.bool_], found: NDArray[np.bool_], hu: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the aerated parts of a slice that continue the lung of its neighbour and are not in its mask yet."""
    parts = Components.of((hu < TIP_HU) & ~outside_air(hu))
    over = parts.inner(beside)
    keep = (over >= LEAST_OVERLAP * parts.sizes) & ~_is_gas(parts, hu) & (parts.sizes <= beside.sum())
    keep &= (parts.inner(found) == 0) & (parts.sizes >= BLOCK**2)
    return parts.mask(keep)


def _is_gas(parts: Components, hu: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell which parts of a slice are mostly gas."""
    return parts.inner(hu < GAS_HU) > parts.sizes / 2
