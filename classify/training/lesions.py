"""Slices with drawn lesions: a second task in training, which teaches the network what to look at.

Labels of a picture leave it open where the disease is, and pictures of one class often share a scanner. Lesions lie
inside single slices, so telling them from the healthy lung beside them can't be done by the look of the source.
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
    """A scan with its lungs and lesions, bool (slices, height, width); None where lesions were not drawn."""

    @property
    def scan(self) -> Scan: ...  # noqa: D102
    @property
    def mask(self) -> NDArray[np.bool_]: ...  # noqa: D102
    @property
    def infection(self) -> NDArray[np.bool_] | None: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class Lesions:
    """Regions of interest with their lesions.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, size, size)
        As the network sees the lungs, 0 to 255.
    drawn : ndarray of uint8, shape (n, size, size)
        255 where there is a lesion.
    """

    pixels: NDArray[np.uint8]
    drawn: NDArray[np.uint8]


def cut_lesions(scans: Iterable[DrawnLesions], preprocess: RoiPreprocessing) -> Lesions:
    """Cut the regions of all slices with lung, by the lungs people drew.

    Raises
    ------
    ValueError
        When no slice has lungs and lesions drawn.
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
        raise ValueError("no slice has both lungs and lesions drawn; give --images, --masks and --infections that fit")
    return Lesions(np.stack(pixels), np.stack(drawn))


def on_grid(drawn: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Return the share of each place of the evidence map that is lesion, float32 (rows, columns, 1)."""
    return resize(drawn, rows, columns)[..., None]
