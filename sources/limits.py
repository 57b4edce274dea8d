"""What is refused before memory is spent on it."""

from __future__ import annotations

from .errors import SourceError

MIN_SIDE = 32
"""Shortest side of a slice in pixels: below it no lung can be told from noise."""

MAX_SLICE_PIXELS = 8192 * 8192
"""Largest slice: sixteen times the area of the largest CT matrix in clinical use (2048 x 2048)."""

MAX_SCAN_PIXELS = 1024 * 1024 * 1024
"""Largest scan: 4096 slices of 512 x 512, 4 GiB as float32."""


def check_shape(source: str, shape: tuple[int, ...]) -> None:
    """Refuse shapes that are no scan, or too large, from the header alone.

    Parameters
    ----------
    source : str
        Name of the input, for the error.
    shape : tuple of int
        (height, width) or (slices, height, width).

    Raises
    ------
    SourceError
        For other dimensions, no slices, sides under `MIN_SIDE`, or sizes over the limits.
    """
    if len(shape) not in (2, 3):
        raise SourceError(
            source,
            f"has {len(shape)} dimensions, shape {shape}",
            "Give one slice (height, width), a colour picture (height, width, 3 or 4) "
            "or a volume (slices, height, width)",
        )
    slices = shape[0] if len(shape) == 3 else 1
    height, width = shape[-2:]
    if slices == 0:
        raise SourceError(source, f"holds no slices, shape {shape}", "Give at least one slice")
    if min(height, width) < MIN_SIDE:
        raise SourceError(
            source,
            f"is only {width} x {height} pixels",
            f"Give slices of at least {MIN_SIDE} x {MIN_SIDE} pixels; the original picture, not a thumbnail",
        )
    if height * width > MAX_SLICE_PIXELS or slices * height * width > MAX_SCAN_PIXELS:
        raise SourceError(
            source,
            f"says it holds {slices} x {height} x {width} pixels, over the limit of "
            f"{MAX_SLICE_PIXELS} per slice and {MAX_SCAN_PIXELS} per scan",
            "Check that it is a CT scan and not damaged; crop or downscale it first",
        )
