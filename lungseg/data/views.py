"""Make labelled slices look like users' pictures: in an unknown window and cropped to the lungs."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ...sources import Scan
from ...sources.intensity import apply_window

Mask = TypeVar("Mask", NDArray[np.bool_], NDArray[np.uint8])

MEDIASTINAL = 0.1
"""Share of slices shown in a soft tissue window, in which lungs are as black as the air outside."""

AIR = np.float32(-1000)
"""HU of air."""


def show(scan: Scan, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the slice in a random window, with padding outside the field of view shown as air or as black."""
    pixels = scan.pixels[0]
    if scan.intensity == "hu" and rng.random() < 0.5:
        pixels = np.maximum(pixels, AIR)
    if rng.random() < MEDIASTINAL:
        return apply_window(pixels, scan.intensity, (rng.uniform(-400, -100), rng.uniform(150, 350)))
    return apply_window(pixels, scan.intensity, (rng.uniform(-1400, -850), rng.uniform(-100, 600)))


def tight_crop(grey: NDArray[np.float32], mask: Mask, rng: np.random.Generator) -> tuple[NDArray[np.float32], Mask]:
    """Crop to the lungs' bounding box, each side moved by up to a tenth of its extent inwards or a quarter outwards.

    If the box is smaller than three tenths of the picture, the sides move as if it were that large.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return grey, mask
    spans = []
    for found, length in ((rows, mask.shape[0]), (columns, mask.shape[1])):
        extent = max(found[-1] - found[0] + 1, 0.3 * length)
        start = found[0] - rng.uniform(-0.1, 0.25) * extent
        stop = found[-1] + 1 + rng.uniform(-0.1, 0.25) * extent
        spans.append(slice(max(0, int(start)), min(length, int(stop) + 1)))
    return grey[spans[0], spans[1]], mask[spans[0], spans[1]]


def as_picture(scan: Scan, mask: NDArray[np.bool_], rng: np.random.Generator) -> tuple[Scan, NDArray[np.bool_]]:
    """Return a slice and its mask as a tight crop with a random window and gamma, in 256 grey levels.

    Parameters
    ----------
    scan : Scan
        One slice.
    mask : ndarray of bool, shape (height, width)
    rng : numpy.random.Generator
    """
    grey, cropped = tight_crop(show(scan, rng), mask, rng)
    grey = np.rint(grey ** np.float32(rng.uniform(0.6, 1.6)) * 255) / np.float32(255)
    return Scan(grey[None].astype(np.float32), "display", source=scan.source), cropped
