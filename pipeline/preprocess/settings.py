"""Define `PreprocessSettings`, which turn a slice and its lung mask into a picture for training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ...classify.roi import Box, lung_box
from ...sources import Intensity
from ...sources.intensity import apply_window, resize, stretch
from .slice_files import FORMATS, SliceFormat

Show = Literal["masked", "crop", "whole"]
"""What a slice shows: the lungs on black; the lungs' box with everything in it; or the whole slice."""

PERCENTILES = (1.0, 99.0)
"""Percentiles for stretching, as in `RoiPreprocessing`."""


@dataclass(frozen=True)
class PreprocessSettings:
    """How to cut slices for training from a scan. The defaults are those of `lungct.classify.RoiPreprocessing`.

    Parameters
    ----------
    size : int or None
        Side of the square slices in pixels, without keeping the aspect ratio; None keeps the crop's own size.
    window : tuple of float
        HU that become 0 and 1. Pictures keep their own window.
    stretch : bool
        Stretch the values, after the window, between their 1st and 99th percentile in the lung (for "whole", in the
        slice), so that an unknown window matters less. If False, equal HU give equal values.
    region : {"masked", "crop", "whole"}
        What is shown; see `Show`.
    margin : float
        Margin on each side of the lungs' box, as a share of its longer side.
    min_lung : float
        Leave out slices with a smaller share of lung pixels, 0 to 1. Slices without lung are always left out, except
        for "whole" with 0.
    every : int
        Keep only every n-th slice of a scan, from the first.
    format : {"png", "png16", "npy16", "npy32", "tiff"}
        File format; see `lungct.pipeline.preprocess.slice_files.SliceFormat`.

    Raises
    ------
    ValueError
        For invalid settings, with the reason.
    """

    size: int | None = 224
    window: tuple[float, float] = (-1000.0, 400.0)
    stretch: bool = True
    region: Show = "masked"
    margin: float = 0.04
    min_lung: float = 0.0
    every: int = 1
    format: SliceFormat = "png"

    def __post_init__(self) -> None:
        for good, problem in (
            (self.size is None or self.size > 0, f"size must be positive, or None to keep the crop's, not {self.size}"),
            (self.window[0] < self.window[1], f"window must be (low, high) such as (-1000, 400), not {self.window}"),
            (self.region in get_args(Show), f"region must be one of {', '.join(get_args(Show))}, not {self.region!r}"),
            (self.margin >= 0, f"margin must be 0 or more, not {self.margin}"),
            (0 <= self.min_lung <= 1, f"min_lung must be a share from 0 to 1, not {self.min_lung}"),
            (self.every >= 1, f"every must be 1 or more, not {self.every}"),
            (self.format in FORMATS, f"format must be one of {', '.join(FORMATS)}, not {self.format!r}"),
        ):
            if not good:
                raise ValueError(problem)

    def keeps(self, index: int, mask: NDArray[np.bool_]) -> bool:
        """Tell whether to keep a slice."""
        wanted = index % self.every == 0 and mask.mean() >= self.min_lung
        return bool(wanted and (self.region == "whole" or mask.any()))

    def cut(
        self, pixels: NDArray[np.float32], intensity: Intensity, mask: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], Box]:
        """Return a slice cut according to the settings, and the rows and columns that it shows.

        With a size and `stretch`, the result is the same as from `lungct.classify.RoiPreprocessing`.

        Parameters
        ----------
        pixels : ndarray of float32, shape (height, width)
        intensity : {"hu", "display"}
        mask : ndarray of bool, shape (height, width)
            Must contain lung, unless the whole slice is shown.
        """
        whole = self.region == "whole"
        box = (slice(0, mask.shape[0]), slice(0, mask.shape[1])) if whole else lung_box(mask, self.margin)
        shown = apply_window(pixels[box], intensity, self.window)
        if self.stretch:
            shown = stretch(shown, PERCENTILES, None if whole else mask[box])
        if self.region == "masked":
            shown = shown * mask[box]
        return resize(shown, *((self.size, self.size) if self.size else shown.shape)), box


DEFAULTS = PreprocessSettings()
