"""What pixel values mean, and how to make them comparable: a window for Hounsfield units, a stretch for grey."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .scan import AIR, Intensity

LUNG_WINDOW = (-1350.0, 150.0)
"""The usual lung window, level -600 and width 1500 HU: how calibrated scans are shown and compared."""

HU_BELOW = -200
"""Only air and lung are below this value in HU; fat is about -100 HU."""

PADDING_BELOW = -1100
"""Values below this in HU are padding, such as -2000 or -3024 outside the field of view. Noise in air stays above."""

PADDING_VALUES = 3
"""Padding has no more different values than this, apart from a few in between where a picture was resampled."""

AIR_AND_LUNG = (-1100.0, -400.0)
SOFT_TISSUE = (-200.0, 250.0)
BRIGHT_ABOVE = 400
"""Where the values of a chest CT lie, in HU: air and lung; fat to enhanced blood; above that, bone and metal."""

USUAL_UP_TO = 3300
"""Only metal is brighter. If less than half of the values lie between padding and this, they are hardly HU."""

LEAST_SHARE = 0.05
MOST_BRIGHT = 0.2
"""In a chest CT air with lung, and soft tissue, each take more than 5 % of the pixels; bone takes less than 20 %."""

LEAST_AIR = 0.001
"""With a smaller share of values that can only be air or lung, values are not taken for HU."""

OFFSETS = (1024, -1024, 8192, 32768, 33792, -32768, -31744)
"""Constants that writers add to HU: 1024 by scanners (-1024 if subtracted twice), 8192 for extended scales, 32768 in
16-bit pictures, and combinations of them."""

SAMPLED = 50_000
"""About how many values are looked at."""


@dataclass(frozen=True)
class Meaning:
    """What values mean.

    Parameters
    ----------
    intensity : {"hu", "display"}
    offset : int
        What was added to the HU; 0 for display grey.
    sure : bool
        False if it is a guess.
    possible : bool
        False if the values can't be what they were declared to be.
    """

    intensity: Intensity
    offset: int = 0
    sure: bool = True
    possible: bool = True


def meaning_of(values: NDArray[Any]) -> Meaning:
    """Tell from the distribution of values whether they are Hounsfield units, perhaps with an offset.

    Air, lung and soft tissue must be where they should be. Padding doesn't count.

    Parameters
    ----------
    values : ndarray of real numbers, shape (..., height, width)
        Without NaN.
    """
    sample = _sample(values)
    if _is_chest(sample):
        return Meaning("hu")
    offset = _offset_of(sample)
    if offset:
        return Meaning("hu", offset, sure=False)
    if _holds_air(sample):
        usual = (sample >= PADDING_BELOW) & (sample <= USUAL_UP_TO)
        return Meaning("hu", sure=bool(usual.mean() >= np.mean(sample > sample.min()) / 2))
    return Meaning("display", sure=False)


def can_be_hu(values: NDArray[Any]) -> bool:
    """Tell whether values can be the Hounsfield units of a chest: some are air or lung, and none has an offset."""
    sample = _sample(values)
    return _is_chest(sample) or (_holds_air(sample) and not _offset_of(sample))


def fill_outside(hu: NDArray[np.float32]) -> None:
    """Replace padding below air by air, in place; values that are many and varied are no padding, and are kept."""
    if not _is_spread(_sample(hu)):
        np.copyto(hu, AIR, where=hu < PADDING_BELOW)


def _sample(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return evenly spaced values; the steps are odd, because rows may repeat every few pixels."""
    step = max(1, int(np.sqrt(values.size / SAMPLED))) | 1
    return values[..., ::step, ::step].astype(np.float32).ravel()


def _offset_of(sample: NDArray[np.float32]) -> int:
    """Return the offset without which values are those of a chest; 0 if there is none."""
    return next((offset for offset in OFFSETS if _is_chest(sample - np.float32(offset))), 0)


def _holds_air(sample: NDArray[np.float32]) -> bool:
    return bool(((sample >= PADDING_BELOW) & (sample < HU_BELOW)).mean() >= LEAST_AIR)


def _is_chest(hu: NDArray[np.float32]) -> bool:
    """Tell whether values are distributed like the HU of a chest."""
    inside = int((hu >= PADDING_BELOW).sum())
    if inside < hu.size * LEAST_SHARE or _is_spread(hu):
        return False
    air, soft = (float(((hu >= low) & (hu <= high)).sum() / inside) for low, high in (AIR_AND_LUNG, SOFT_TISSUE))
    return air > LEAST_SHARE and soft > LEAST_SHARE and float((hu > BRIGHT_ABOVE).sum() / inside) < MOST_BRIGHT


def _is_spread(hu: NDArray[np.float32]) -> bool:
    """Tell whether values below air are many and varied: padding has a few values."""
    below = hu[hu < PADDING_BELOW]
    return below.size > hu.size * LEAST_SHARE and np.unique(below).size > PADDING_VALUES


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
