"""Locate the evidence for a slice's answer on a coarse grid over the lungs' box, and make the heatmap from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..sources.intensity import resize
from .calibration import calibrate
from .roi import Box

Explain = Literal["cam", "occlusion"]
"""How evidence is computed. ``cam``: the network's class activation map, at no extra cost. ``occlusion``: parts of the
lungs are hidden in turn, with about 120 runs of the network per slice; see `lungct.classify.occlusion`."""

SOFTENING = 3.0
"""Divisor of the class activation map's calibrated logits for the heatmap. A slice's logit is the mean over all places,
and single places are far more extreme: without the divisor, most of a COVID lung would be fully red. With 3, 19 of 20
places in validation pictures lie between 0.18 and 0.91 (docs/explanations.md)."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Evidence for and against COVID in one slice, on its native coarse grid.

    Parameters
    ----------
    grid : ndarray of float32, shape (rows, columns)
        The heatmap's logits: above 0 is evidence for COVID, below 0 against it.
    box : tuple of slice
        The rows and columns of the slice that the grid covers.
    lungs_only : bool
        Whether all evidence comes from the lungs, as with occlusion of the lungs.
    """

    grid: NDArray[np.float32]
    box: Box
    lungs_only: bool = False

    def over(self, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the heatmap of a slice, float32 (height, width), zero outside the lungs in `mask`."""
        heat = np.zeros(mask.shape, dtype=np.float32)
        rows, columns = (part.stop - part.start for part in self.box)
        heat[self.box] = calibrate(resize(self.grid, rows, columns), 1.0) * mask[self.box]
        return heat

    def mass(self, mask: NDArray[np.bool_], covid: bool) -> tuple[float, float]:
        """Return the amount of evidence for a class, inside the lungs and in the whole box.

        Parameters
        ----------
        mask : ndarray of bool, shape (height, width)
            The lungs.
        covid : bool
            The class: COVID, or non-COVID.

        Returns
        -------
        inside, whole : float
            Mean distance of the heatmap from 0.5 over the box; places with evidence for the other class count as 0.
        """
        heat = calibrate(self.grid, 1.0)
        strength = np.maximum(heat - 0.5 if covid else 0.5 - heat, 0)
        whole = float(strength.mean())
        if self.lungs_only:
            return whole, whole
        return float((strength * _share(mask[self.box], self.grid.shape)).mean()), whole


def _share(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the share of each grid cell that is inside the mask."""
    rows, columns = (_parts(length, count) for length, count in zip(mask.shape, shape, strict=True))
    cells = [[mask[row, column] for column in columns] for row in rows]
    return np.array([[np.count_nonzero(cell) / cell.size for cell in line] for line in cells])


def _parts(length: int, count: int) -> list[slice]:
    """Divide a length into non-empty parts of whole pixels; parts that end within a pixel overlap by one."""
    return [slice(at * length // count, -(-(at + 1) * length // count)) for at in range(count)]
