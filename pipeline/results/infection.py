"""How much of the lungs is infected, by volume where the spacing is known, and its grade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...classify import Classification
from ...lungseg.sides import LEFT, RIGHT

GRADES = (0.0, 0.25, 0.5, 0.75)
"""Infected shares above which the next grade starts (Morozov et al. 2020, MosMedData, arXiv 2005.06465)."""

GRADES_IN_WORDS = (
    "no infection found",
    "up to 25 % of the lungs infected",
    "25 to 50 % of the lungs infected",
    "50 to 75 % of the lungs infected",
    "more than 75 % of the lungs infected",
)

LEAST_SHARE = 0.005
"""Infected share below which none is reported: so little is found in healthy lungs as well."""


@dataclass(frozen=True, eq=False)
class InfectionStatistics:
    """How much of the lungs is infected.

    Parameters
    ----------
    fraction : float
        Infected share of the lungs, 0 to 1: by volume if the spacing is known, otherwise by pixels.
    sides : mapping of str to float or None
        The same of each lung, ``right`` and ``left``; None for a lung that was not found.
    slices : ndarray of float32, shape (slices,)
        Infected share of each slice's lungs; NaN without lung.
    """

    fraction: float
    sides: Mapping[str, float | None]
    slices: NDArray[np.float32]

    @property
    def grade(self) -> int:
        """Grade of severity from 0 to 4, as in MosMedData (CT-0 to CT-4)."""
        return 0 if self.fraction < LEAST_SHARE else int(np.searchsorted(GRADES, self.fraction))

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON types."""
        return {**self.sides, "grade": self.grade, "slices": finite(self.slices)}


def infection_statistics(classification: Classification, labels: NDArray[np.uint8]) -> InfectionStatistics | None:
    """Measure the infected share of the lungs.

    Parameters
    ----------
    classification : Classification
    labels : ndarray of uint8, shape (slices, height, width)
        1 right lung, 2 left lung.

    Returns
    -------
    InfectionStatistics or None
        None without lung, and if the network has no map of infection.
    """
    if not classification.lesions or not labels.any():
        return None
    counts = np.array([_counts(classification, index, one) for index, one in enumerate(labels)], dtype=np.float64)
    infected, lung = np.moveaxis(counts, -1, 0)
    pixels = lung.sum(axis=1)
    slices, voxels = np.full(len(labels), np.nan, dtype=np.float32), np.zeros(len(labels))
    np.divide(infected.sum(axis=1), pixels, out=slices, where=pixels > 0, casting="same_kind")
    np.divide(classification.lung, pixels, out=voxels, where=pixels > 0)
    infected_volumes, volumes = voxels @ infected, voxels @ lung
    sides = {
        name: float(own / whole) if whole else None
        for name, own, whole in zip(("right", "left"), infected_volumes, volumes, strict=True)
    }
    return InfectionStatistics(float(infected_volumes.sum() / volumes.sum()), sides, slices)


def finite(values: NDArray[np.float32]) -> list[float | None]:
    """Convert numbers for JSON, with None for NaN."""
    return [float(value) if np.isfinite(value) else None for value in values]


def infected_pixels(classification: Classification, index: int, mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Return the infected pixels of one slice and its lung mask, bool (height, width); None without a map."""
    found = classification.infection(index, mask)
    return None if found is None else mask & (found >= classification.lesion_threshold)


def _counts(classification: Classification, index: int, labels: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Return the number of infected and of all pixels, for the right and the left lung."""
    infected = infected_pixels(classification, index, labels > 0)
    return [
        (0 if infected is None else int(np.count_nonzero(infected[labels == side])), int((labels == side).sum()))
        for side in (RIGHT, LEFT)
    ]
