"""Turn arrays, and anything numpy can read as an array, into a `Scan`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import SourceError
from .intensity import HU_BELOW, PADDING_BELOW, Meaning, can_be_hu, fill_outside, meaning_of
from .options import DEFAULTS, ReadOptions
from .scan import AIR, Scan

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Weights of red, green and blue when converting to grey (ITU-R BT.601), the same as Pillow's."""

AIR_ABOVE = -900
"""Floats that never go as low as air or healthy lung may be something other than Hounsfield units."""

PADDING_GAP = 100
"""The lowest value of a grey picture is padding if it is below -200 and this much below all others."""

MARK = 0.25
"""Difference between red, green and blue, as a share of the brightest value, above which a pixel is coloured."""

MARKED_SHARE = 0.0003
"""A picture has marks when more than this share of its pixels is coloured: about one small arrow in 512 x 512."""


def is_array_like(source: object) -> bool:
    """Tell whether numpy can read `source` as an array without copying element by element."""
    return any(hasattr(source, name) for name in ("__array__", "__array_interface__", "__dlpack__"))


def type_name(thing: object) -> str:
    """Return the name of an object's type, with its package."""
    kind = type(thing)
    package = kind.__module__.split(".")[0]
    return kind.__qualname__ if package in ("builtins", "__main__") else f"{package}.{kind.__qualname__}"


def is_column(source: Any) -> bool:
    """Tell whether an array is a column of texts or objects, such as paths in a table: several sources, not one."""
    return is_array_like(source) and getattr(source, "ndim", 0) == 1 and np.asarray(source).dtype.kind in "OUST"


def array_to_scan(
    array: object,
    options: ReadOptions = DEFAULTS,
    *,
    source: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    own: bool = False,
) -> Scan:
    """Turn an array into a `Scan`.

    Parameters
    ----------
    array : array_like
        Real numbers, of shape (height, width), (height, width, 3 or 4) for a colour picture, or
        (slices, height, width). A last axis of 3 or 4 is read as colour.
    options : ReadOptions
        Where it gives no intensity, booleans and uint8 are display grey, scaled by the range of their type; other
        arrays are HU if their values are distributed so, with or without an offset, which is removed; the rest is
        display grey, scaled by the range found. In HU, padding becomes air, -1024.
    source : str, optional
        Name to use in messages; by default, a description of the array.
    metadata : mapping, optional
        Kept with the scan.
    own : bool
        The array is a volume that a reader made: a last axis of 3 or 4 is not colour, and its memory may be reused.

    Returns
    -------
    Scan

    Raises
    ------
    SourceError
        When the array has another number of dimensions, is empty, or holds values that are not finite numbers.
    """
    try:
        values = np.asarray(array)
    except (TypeError, ValueError, RuntimeError) as error:
        raise SourceError(
            source or f"object of type {type_name(array)}",
            f"numpy can't read it as an array ({error})",
            "Give numbers of one type in a rectangular array, in main memory",
        ) from error
    kind = "" if type(array) is np.ndarray else f"{type_name(array)} as "
    name = source or f"{kind}array {values.shape} {values.dtype}"
    intensity = options.intensity
    if values.dtype.kind not in "buif":
        remedy = "Convert it to integers or floats; for a column of paths, give its tolist()"
        raise SourceError(name, f"holds {values.dtype}, not real numbers", remedy)
    if not own and values.ndim == 3 and values.shape[-1] == 1:  # one channel of grey, as other libraries store it
        values = values[..., 0]
    colour = not own and values.ndim == 3 and values.shape[-1] in (3, 4) and min(values.shape[:2]) > 4
    options.limits.check_shape(name, values.shape[:2] if colour else values.shape)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise SourceError(name, "holds NaN or infinite values", "Replace them first, for example by -1024 HU (air)")
    if values.dtype.kind == "f" and max(-values.min(), values.max()) > np.finfo(np.float32).max:
        raise SourceError(name, "holds values beyond float32", "Rescale it to Hounsfield units or to [0, 1]")
    warnings: tuple[str, ...] = ()
    if colour:
        warnings = ("coloured-marks",) if _has_marks(values) else ()
        values = _grey(values, name)
        intensity = intensity or "display"
    meant = Meaning(intensity, possible=intensity != "hu" or can_be_hu(values)) if intensity else _guess(values)
    pixels = _display(values) if meant.intensity == "display" else _hounsfield(values, meant.offset, own=own)
    return Scan(
        pixels=pixels.reshape((-1, *pixels.shape[-2:])),
        intensity=meant.intensity,
        spacing=options.spacing,
        source=name,
        metadata={
            "format": "array",
            **(metadata or {}),
            "dtype": str(values.dtype),
            "intensity_guessed": not meant.sure,
            "intensity_possible": meant.possible,
        },
        warnings=warnings,
    )


def fill_padding(pixels: NDArray[np.float32]) -> None:
    """Replace NaN, in place, by the background value: air for Hounsfield units, otherwise the lowest value found."""
    missing = np.isnan(pixels)
    if missing.any():
        lowest = AIR if missing.all() else np.float32(np.nanmin(pixels))
        np.copyto(pixels, AIR if lowest < HU_BELOW else lowest, where=missing)


def _guess(values: NDArray[Any]) -> Meaning:
    """Return what the values mean."""
    if values.dtype.kind == "b" or values.dtype == np.uint8:
        return Meaning("display")
    floats = values.dtype.kind == "f"
    if floats and values.min() >= 0 and values.max() <= 1:
        return Meaning("display")
    meant = meaning_of(values)
    return replace(meant, sure=False) if meant.intensity == "hu" and floats and values.min() > AIR_ABOVE else meant


def _hounsfield(values: NDArray[Any], offset: int, *, own: bool) -> NDArray[np.float32]:
    """Return HU: without the offset, and with air for padding."""
    padded = values.min() < PADDING_BELOW + offset
    pixels = values.astype(np.float32, copy=not own)
    if offset:
        pixels -= np.float32(offset)
    if padded:
        fill_outside(pixels)
    return pixels


def _display(values: NDArray[Any]) -> NDArray[np.float32]:
    """Scale to [0, 1]: by the type's range where that is certain, otherwise by the range found."""
    pixels = values.astype(np.float32)
    if values.dtype == np.uint8:
        return pixels / np.float32(255)
    low, high = float(pixels.min()), float(pixels.max())
    if low < HU_BELOW:
        low = _without_padding(pixels, low)
    if low >= 0 and high <= 1:
        return pixels
    if values.dtype.kind == "f" and low >= 0 and high <= 255:
        return pixels / np.float32(255)
    return (pixels - np.float32(low)) / np.float32(high - low if high > low else 1)


def _without_padding(pixels: NDArray[np.float32], lowest: float) -> float:
    """Replace the lowest value, in place, by the next one if it is padding; return the lowest that is left."""
    above = float(pixels.min(where=pixels > lowest, initial=np.inf))
    if not PADDING_GAP < above - lowest < np.inf:
        return lowest
    np.maximum(pixels, np.float32(above), out=pixels)
    return above


def _has_marks(values: NDArray[Any]) -> bool:
    """Tell whether a picture that should be grey has colour in it, beyond compression noise."""
    colours = values[..., :3].astype(np.float32)
    saturation = colours.max(axis=-1) - colours.min(axis=-1)
    return bool((saturation > MARK * max(1.0, float(colours.max()))).mean() > MARKED_SHARE)


def _grey(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Convert colour to grey in the type's own range, with transparent parts black."""
    if values.dtype.kind == "b" or (values.dtype.kind in "if" and values.min() < 0):
        raise SourceError(name, f"is a colour picture of {values.dtype} with values no screen shows", "Give uint8 RGB")
    grey = values[..., :3].astype(np.float32) @ LUMA
    if values.shape[-1] == 4:
        opaque = np.iinfo(values.dtype).max if values.dtype.kind == "u" else max(1.0, float(values[..., 3].max()))
        grey *= values[..., 3].astype(np.float32) / np.float32(opaque)
    # Keep uint8 as uint8, so that a grey picture saved as RGB reads the same as one saved as grey.
    return np.rint(grey).astype(values.dtype) if values.dtype.kind == "u" else grey
