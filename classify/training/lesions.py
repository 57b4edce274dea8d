"""Prepare slices with annotated lesions, which teach the network where infection is.

A picture's label doesn't say where the disease is, and pictures of one class often come from one scanner. Lesions and
healthy lung are in the same slice, so they can't be distinguished by the appearance of the source.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...sources import Scan
from ...sources.intensity import resize
from ..data.regions import FindLungs
from ..roi import RoiPreprocessing


class DrawnLesions(Protocol):
    """A scan with lesion masks, bool (slices, height, width); None if lesions are not annotated."""

    @property
    def scan(self) -> Scan: ...  # noqa: D102
    @property
    def patient(self) -> str: ...  # noqa: D102
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
    patients : tuple of str
        The patient of each region.
    """

    pixels: NDArray[np.uint8]
    drawn: NDArray[np.uint8]
    patients: tuple[str, ...]

    @property
    def shares(self) -> NDArray[np.float64]:
        """Infected share of each region's lungs, float64 (n,)."""
        lung = np.maximum(np.count_nonzero(self.pixels, axis=(1, 2)), 1)
        return np.asarray((self.drawn / 255).sum(axis=(1, 2)) / lung)

    @property
    def inputs(self) -> NDArray[np.float32]:
        """Network inputs, float32 (n, size, size, 1)."""
        return self.pixels[..., None].astype(np.float32) / np.float32(255)

    def split(self, share: float, seed: int) -> tuple[Lesions, Lesions]:
        """Split by patient into training and validation; a share of 0 keeps all for training."""
        names = sorted(set(self.patients))
        random.Random(seed).shuffle(names)  # noqa: S311 - for a split, not a secret
        held_out = set(names[: round(share * len(names))])
        kept = np.array([name not in held_out for name in self.patients], dtype=np.bool_)
        return self._only(kept), self._only(~kept)

    def _only(self, kept: NDArray[np.bool_]) -> Lesions:
        patients = tuple(name for name, stays in zip(self.patients, kept, strict=True) if stays)
        return Lesions(self.pixels[kept], self.drawn[kept], patients)


def cut_lesions(scans: Iterable[DrawnLesions], find_lungs: FindLungs, preprocess: RoiPreprocessing) -> Lesions:
    """Cut the regions of all slices with lesion masks, with the lungs found as in use.

    Parameters
    ----------
    scans : iterable of DrawnLesions
        Scans without lesion masks are left out, and so are slices in which no lung is found.
    find_lungs : callable
    preprocess : RoiPreprocessing

    Raises
    ------
    ValueError
        When no slice has both lung and a lesion mask.
    """
    pixels, drawn, patients = [], [], []
    for item in scans:
        if item.infection is None:
            continue
        scan, masks = find_lungs(item.scan)
        for slice_pixels, mask, infection in zip(scan.pixels, masks, item.infection, strict=True):
            if mask.any():
                roi, box = preprocess(slice_pixels, scan.intensity, mask)
                inside = resize((infection & mask)[box].astype(np.float32), preprocess.size, preprocess.size)
                pixels.append(np.rint(roi * 255).astype(np.uint8))
                drawn.append(np.rint(inside * 255).astype(np.uint8))
                patients.append(item.patient)
    if not pixels:
        raise ValueError("no slice has lungs and a lesion mask; give matching --images, --masks and --infections")
    return Lesions(np.stack(pixels), np.stack(drawn), tuple(patients))
