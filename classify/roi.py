"""Cut the region of interest, the classifier's input: by default slice times lung mask, cropped to the lungs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..sources import Intensity
from ..sources.intensity import apply_window, resize, stretch

Box = tuple[slice, slice]
"""Rows and columns of a slice."""

Region = Literal["masked", "crop", "whole", "erased", "mask"]
"""What the network is shown: the lungs alone, the lungs' box with everything in it, or the whole slice; and two
controls that should contain no sign of lung disease: the box with the lungs erased, and the lung mask."""

REGIONS: tuple[Region, ...] = get_args(Region)


@dataclass(frozen=True)
class RoiPreprocessing:
    """Turn a slice and its lung mask into the classifier's input.

    Parameters
    ----------
    size : int
        Side of the square input in pixels; the lungs' box is resized to it without keeping its aspect ratio.
    margin : float
        Margin on each side of the lungs' box, as a share of its longer side.
    window : tuple of float
        Lowest and highest HU shown, for calibrated scans.
    percentiles : tuple of float
        Grey values at these percentiles of the lung (of the slice, for the region "whole") become 0 and 1, whatever
        window the picture had.
    region : {"masked", "crop", "whole", "erased", "mask"}
        What is shown; see `Region`.
    floor : float
        Lowest grey value of the lungs in the region "masked", so that black lung differs from no lung.

    Raises
    ------
    ValueError
        For an unknown region.
    """

    size: int = 224
    margin: float = 0.04
    window: tuple[float, float] = (-1000.0, 400.0)
    percentiles: tuple[float, float] = (1.0, 99.0)
    region: Region = "masked"
    floor: float = 0.0

    def __post_init__(self) -> None:
        if self.region not in REGIONS:
            raise ValueError(f"region must be one of {', '.join(REGIONS)}, not {self.region!r}")

    def __call__(
        self, pixels: NDArray[np.float32], intensity: Intensity, mask: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], Box]:
        """Return the input for one slice, and the box that it shows.

        Parameters
        ----------
        pixels : ndarray of float32, shape (height, width)
        intensity : {"hu", "display"}
        mask : ndarray of bool, shape (height, width)
            With at least one pixel of lung.

        Returns
        -------
        roi : ndarray of float32, shape (size, size)
            In [0, 1]; zero outside the lungs for the region "masked".
        box : tuple of slice
            Rows and columns of the slice that `roi` shows.

        Raises
        ------
        ValueError
            When the mask is empty.
        """
        whole = (slice(0, mask.shape[0]), slice(0, mask.shape[1]))
        box = whole if self.region == "whole" else lung_box(mask, self.margin)
        inside = mask[box]
        if self.region == "mask":
            return resize(inside.astype(np.float32), self.size, self.size), box
        grey = apply_window(pixels[box], intensity, self.window)
        shown = stretch(grey, self.percentiles, None if self.region == "whole" else inside)
        if self.region == "masked":
            shown = np.maximum(shown, np.float32(self.floor)) * inside
        elif self.region == "erased":
            shown = shown * ~inside
        return resize(shown, self.size, self.size), box

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON types, for the card."""
        return asdict(self)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> RoiPreprocessing:
        """Read the settings back from a card."""
        return cls(
            int(settings["size"]),
            float(settings["margin"]),
            tuple(settings["window"]),
            tuple(settings["percentiles"]),
            settings.get("region", "masked"),  # missing in cards up to version 2
            float(settings.get("floor", 0.0)),  # missing up to version 6
        )


def lung_box(mask: NDArray[np.bool_], margin: float) -> Box:
    """Return the rows and columns that contain the lungs, with a margin clipped to the slice."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        raise ValueError("an empty lung mask has no box")
    pad = round(margin * max(rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1))
    return (
        slice(max(0, int(rows[0]) - pad), min(mask.shape[0], int(rows[-1]) + 1 + pad)),
        slice(max(0, int(columns[0]) - pad), min(mask.shape[1], int(columns[-1]) + 1 + pad)),
    )
