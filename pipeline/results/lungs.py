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


VOLUME_ML = (50.0, 12_000.0)
"""Plausible volume of both lungs. The total capacity of a man of 2.10 m is predicted as 9.7 l with a residual standard
deviation of 0.7 (Quanjer et al. 1993, doi 10.1183/09041950.005s1693); newborns have 20 to 30 ml per kg at the end of
expiration (Stocks and Quanjer 1995, doi 10.1183/09031936.95.08030492)."""

EXTENT_MM = (450.0, 350.0, 450.0)
"""Largest height, depth and width of both lungs: chests of adults are up to about 40 cm wide and deep a little less
(ANSUR II, Gordon et al. 2014, NATICK/TR-15/007), and lungs are smaller."""

LEAST_WIDTH_MM = 40.0
"""Smallest width of both lungs: a newborn's chest is about 100 mm wide (33 cm around)."""

DENSITY_HU = (-970.0, -200.0)
"""Plausible mean of both lungs. Aerated lung lies from -900 to -500 HU, poorly aerated lung up to -100, emphysema below
-950 (Gattinoni et al. 2001, doi 10.1164/ajrccm.164.9.2103121; Gevenois et al. 1996)."""

CUT = ("partial-lung", "one-lung", "incomplete-lungs", "missing-slices")
"""Warning codes with which lungs may be smaller than life."""


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


def implausible(scan: Scan, mask: NDArray[np.bool_], flags: tuple[str, ...]) -> tuple[str, ...]:
    """Return the codes of what human lungs can't be: their volume, their extent, and in volumes their density.

    Parameters
    ----------
    scan : Scan
    mask : ndarray of bool, shape (slices, height, width)
    flags : tuple of str
        Codes of the mask: lungs that are cut off may be small.
    """
    if not mask.any() or scan.modality == "xray":
        return ()
    complete = not any(code in (*flags, *scan.warnings) for code in CUT)
    found = []
    voxels = scan.voxel_volumes
    if voxels is not None:
        volume = float(mask.sum(axis=(1, 2)) @ voxels / 1000)
        found += [] if (VOLUME_ML[0] if complete else 0) <= volume <= VOLUME_ML[1] else ["implausible-volume"]
    if scan.spacing is not None:
        sizes = [_reach(mask, axis) * step for axis, step in enumerate(scan.spacing)]
        large = any(
            size > most for size, most in zip(sizes[len(mask) == 1 :], EXTENT_MM[len(mask) == 1 :], strict=True)
        )
        found += ["implausible-extent"] if large or (complete and sizes[2] < LEAST_WIDTH_MM) else []
    if scan.intensity == "hu" and len(mask) > 1:
        inside = scan.pixels[:, ::2, ::2][mask[:, ::2, ::2]]  # a quarter is enough for a mean
        sane = inside.size == 0 or DENSITY_HU[0] <= float(inside.mean(dtype=np.float64)) <= DENSITY_HU[1]
        found += [] if sane else ["implausible-density"]
    return tuple(found)


def _reach(mask: NDArray[np.bool_], axis: int) -> int:
    """Return how many pixels a mask covers along an axis, from the first to the last."""
    other = tuple(one for one in range(3) if one != axis)
    places = np.flatnonzero(mask.any(axis=other))
    return int(places[-1] - places[0] + 1)


def volume_in_words(volume_ml: float, warnings: tuple[str, ...]) -> str:
    """Return a lung volume as a phrase that says how complete it is."""
    words = f"{volume_ml:,.0f} ml"
    if any(code in warnings for code in AT_LEAST):
        return f"at least {words}"
    return f"about {words}" if "sparse-slices" in warnings else words
