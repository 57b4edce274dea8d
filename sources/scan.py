"""`Scan`: what every input becomes before anything looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Intensity = Literal["hu", "display"]
"""What a pixel value means: Hounsfield units, or grey as shown on a screen, 0 (black) to 1 (white)."""

INTENSITIES: tuple[str, ...] = get_args(Intensity)


@dataclass(frozen=True, eq=False)
class Scan:
    """Axial slices of one patient, in one array.

    Parameters
    ----------
    pixels : ndarray of float32, shape (slices, height, width)
        Finite values; a picture is a scan of one slice.
    intensity : {"hu", "display"}
        ``"hu"``: calibrated Hounsfield units. ``"display"``: grey in [0, 1] after a window that is not known.
    spacing : tuple of float or None
        Distance between neighbouring pixels in mm, (z, y, x).
    affine : ndarray of float64, shape (4, 4), or None
        From (column, row, slice) indices to patient coordinates in mm.
    source : str
        Where the scan came from: a path, or a description of an array.
    metadata : mapping
        Facts found while reading, such as ``format``; ``intensity_guessed`` is True where the
        meaning of the values had to be guessed.
    """

    pixels: NDArray[np.float32]
    intensity: Intensity
    spacing: tuple[float, float, float] | None = None
    affine: NDArray[np.float64] | None = None
    source: str = "array"
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.dtype != np.float32:
            raise ValueError(
                f"Scan.pixels must be float32 (slices, height, width), not {self.pixels.dtype} {self.pixels.shape}; "
                "use lungct.sources.read_scan, which converts"
            )
        if self.intensity not in INTENSITIES:
            raise ValueError(f"Scan.intensity must be one of {INTENSITIES}, not {self.intensity!r}")
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

    def __len__(self) -> int:
        """Return the number of slices."""
        return int(self.pixels.shape[0])

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, height, width."""
        slices, height, width = self.pixels.shape
        return slices, height, width

    @property
    def intensity_guessed(self) -> bool:
        """Whether the meaning of the pixel values is a guess."""
        return bool(self.metadata.get("intensity_guessed", False))
