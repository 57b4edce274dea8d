"""Prepare slices with annotated lesions, for a second training task that teaches the network where to look.

A picture's label doesn't say where the disease is, and pictures of one class often come from one scanner. Lesions and
healthy lung are in the same slice, so they can't be distinguished by the appearance of the source.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...sources import Scan
from ...sources.intensity import resize
from ..roi import RoiPreprocessing


class DrawnLesions(Protocol):
    """A scan with lung and lesion masks, bool (slices, height, width); None if lesions are not annotated."""

    @property
    def scan(self) -> Scan: ...  # noqa: D102
    @property
    def mask(self) -> NDArray[np.bool_]: ...  # noqa: D102
    @property
    def infection(self) -> NDArray[np.bool_] | None: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class Lesions:
    """Regions of interest with lesion masks.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, size, size)
        The network's inputs, 0 to 255.
    drawn : ndarray of uint8, shape (n, size, size)
        255 inside lesions.
    """

    pixels: NDArray[np.uint8]
    drawn: NDArray[np.uint8]


def cut_lesions(scans: Iterable[DrawnLesions], preprocess: RoiPreprocessing) -> Lesions:
    """Cut the regions of all slices with lung, using the annotated lung masks.

    Raises
    ------
    ValueError
        When no slice has both lung and lesion masks.
    """
    pixels, drawn = [], []
    for item in scans:
        if item.infection is None:
            continue
        for slice_pixels, mask, infection in zip(item.scan.pixels, item.mask, item.infection, strict=True):
            if mask.any():
                roi, box = preprocess(slice_pixels, item.scan.intensity, mask)
                inside = resize((infection & mask)[box].astype(np.float32), preprocess.size, preprocess.size)
                pixels.append(np.rint(roi * 255).astype(np.uint8))
                drawn.append(np.rint(inside * 255).astype(np.uint8))
    if not pixels:
        raise ValueError("no slice has lung and lesion masks; give matching --images, --masks and --infections")
    return Lesions(np.stack(pixels), np.stack(drawn))


def on_grid(drawn: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Return the share of each cell of the evidence map that is lesion, float32 (rows, columns, 1)."""
    return resize(drawn, rows, columns)[..., None]
