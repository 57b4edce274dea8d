"""Locate the evidence for a slice's answer on a coarse grid over the lungs' box, and make the heatmap from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..sources.intensity import resize
from .calibration import calibrate
from .roi import Box

Explain = Literal["lesions", "cam", "occlusion"]
"""What a heatmap shows. ``lesions``: the map of infection; networks without one, such as that for X-rays, give ``cam``.
``cam``: the class activation map, where the network's answer comes from. Both cost nothing extra. ``occlusion``: parts
of the lungs are hidden in turn, with about 120 runs of the network per slice; see `lungct.classify.occlusion`."""

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
        The heatmap's logits: above 0 is evidence for COVID, or infection; below 0, against it.
    box : tuple of slice
        The rows and columns of the slice that the grid covers.
    """

    grid: NDArray[np.float32]
    box: Box

    def over(self, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the heatmap of a slice, float32 (height, width), zero outside the lungs in `mask`."""
        heat = np.zeros(mask.shape, dtype=np.float32)
        rows, columns = (part.stop - part.start for part in self.box)
        heat[self.box] = calibrate(resize(self.grid, rows, columns), 1.0) * mask[self.box]
        return heat
