"""Turn a slice of a `Scan` into the segmenter's input, with the settings frozen in the weights' card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sources import Intensity
from ..sources.intensity import apply_window, resize, stretch


@dataclass(frozen=True)
class SlicePreprocessing:
    """Window, size and contrast of the segmenter's input.

    Parameters
    ----------
    size : int
        Side of the square input in pixels; the slice is resized to it without keeping its aspect ratio.
    window : tuple of float
        Lowest and highest HU shown, for calibrated scans.
    percentiles : tuple of float
        Grey values at these percentiles become 0 and 1.
    """

    size: int = 256
    window: tuple[float, float] = (-1000.0, 400.0)
    percentiles: tuple[float, float] = (0.5, 99.5)

    def __call__(self, pixels: NDArray[np.float32], intensity: Intensity) -> NDArray[np.float32]:
        """Return one slice (height, width) as float32 (size, size) in [0, 1]."""
        grey = resize(apply_window(pixels, intensity, self.window), self.size, self.size)
        return stretch(grey, self.percentiles)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON types, for the card."""
        return asdict(self)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> SlicePreprocessing:
        """Read the settings back from a card."""
        return cls(int(settings["size"]), tuple(settings["window"]), tuple(settings["percentiles"]))
