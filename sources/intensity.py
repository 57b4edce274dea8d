"""Make pixel values comparable: a window for Hounsfield units, a stretch for pictures of unknown window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .scan import Intensity

LUNG_WINDOW = (-1350.0, 150.0)
"""The usual lung window, level -600 and width 1500 HU: how calibrated scans are shown and compared."""


def apply_window(pixels: NDArray[np.float32], intensity: Intensity, window: tuple[float, float]) -> NDArray[np.float32]:
    """Map pixels to grey in [0, 1].

    Parameters
    ----------
    pixels : ndarray of float32
        HU or display grey.
    intensity : {"hu", "display"}
        Display grey is returned unchanged: its window has been applied already.
    window : tuple of float
        (lowest, highest) HU, shown as black and as white.
    """
    if intensity == "display":
        return pixels
    low, high = window
    return _clip((pixels - np.float32(low)) / np.float32(high - low))


def stretch(
    pixels: NDArray[np.float32], percentiles: tuple[float, float], mask: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Stretch grey values between two percentiles to [0, 1], so that an unknown window matters less.

    Parameters
    ----------
    pixels : ndarray of float32, shape (height, width)
    percentiles : tuple of float
        Lower and upper percentile, mapped to 0 and 1; values beyond are clipped.
    mask : ndarray of bool, optional
        Where to measure the percentiles; everywhere if omitted or all False.

    Returns
    -------
    ndarray of float32, shape (height, width)
        All zeros for a constant slice.
    """
    measured = pixels[mask] if mask is not None and mask.any() else pixels
    low, high = (np.float32(value) for value in np.percentile(measured, percentiles))
    if high <= low:
        return np.zeros_like(pixels)
    return _clip((pixels - low) / (high - low))


def _clip(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.minimum(np.maximum(values, np.float32(0)), np.float32(1))


def resize(pixels: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Resize one slice bilinearly to (height, width), averaging when shrinking (Pillow's filter)."""
    if pixels.shape == (height, width):
        return pixels
    picture = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
