"""What calibrated volumes tell about each lung: volume, mean density, and the share that is emphysema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...lungseg.sides import LEFT, RIGHT
from ...sources import Scan

EMPHYSEMA_HU = -950.0
"""Lung below this value counts as emphysema (Gevenois et al. 1996, doi 10.1164/ajrccm.154.1.8680679)."""

AT_LEAST = ("missing-slices", "incomplete-lungs")
"""Warning codes with which a lung volume is only a lower limit."""


@dataclass(frozen=True)
class LungStatistics:
    """Statistics of one lung.

    Parameters
    ----------
    volume_ml : float
        Volume in ml.
    mean_hu : float or None
        Mean density in HU, weighted by the volume of each voxel; None if the lung was not found.
    below_950 : float or None
        Share of the volume below -950 HU, 0 to 1: the emphysema index. It depends on dose, kernel and inspiration.
    """

    volume_ml: float
    mean_hu: float | None
    below_950: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON types."""
        return asdict(self)


def lung_statistics(scan: Scan, labels: NDArray[np.uint8]) -> Mapping[str, LungStatistics] | None:
    """Measure each lung of a calibrated volume.

    Parameters
    ----------
    scan : Scan
    labels : ndarray of uint8, shape (slices, height, width)
        1 right lung, 2 left lung.

    Returns
    -------
    mapping or None
        ``right`` and ``left``. None for single slices, unknown spacing, and grey values.
    """
    voxels = scan.voxel_volumes
    if voxels is None or scan.intensity != "hu":
        return None
    return {name: _of_one(scan.pixels, labels == label, voxels) for name, label in (("right", RIGHT), ("left", LEFT))}


def _of_one(hu: NDArray[np.float32], lung: NDArray[np.bool_], voxels: NDArray[np.float64]) -> LungStatistics:
    inside = [values[part] for values, part in zip(hu, lung, strict=True)]
    sums = np.array([(one.size, one.sum(dtype=np.float64), (one < EMPHYSEMA_HU).sum()) for one in inside])
    volume, density, thin = voxels @ sums
    if volume == 0:
        return LungStatistics(0.0, None, None)
    return LungStatistics(float(volume / 1000), float(density / volume), float(thin / volume))


def volume_in_words(volume_ml: float, warnings: tuple[str, ...]) -> str:
    """Return a lung volume as a phrase that says how complete it is."""
    words = f"{volume_ml:,.0f} ml"
    if any(code in warnings for code in AT_LEAST):
        return f"at least {words}"
    return f"about {words}" if "sparse-slices" in warnings else words
