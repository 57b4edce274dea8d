"""What the stored values of DICOM slices mean: Hounsfield units by their tags, or what is left to guess."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import HU_BELOW, array_to_scan, fill_padding
from ..errors import SourceError
from ..options import ReadOptions
from ..scan import AIR, Scan
from .header import syntax_of
from .image import Frame, padding_of, stored_values

READERS = 4
"""Files read side by side: one waits for the disk while another is decoded."""

LARGEST_RESCALE = 1e6
"""Slopes and intercepts beyond this are damaged."""

PLAUSIBLE_AIR = (-1200.0, -700.0)
"""HU of the lowest value of a chest CT that was turned back rightly."""

STORED_OFFSET = np.float32(1024)
"""What scanners add to Hounsfield units before they store them."""


def read_values(frames: list[Frame], options: ReadOptions, name: str) -> tuple[Scan, bool]:
    """Decode frames and find out what their values mean.

    Parameters
    ----------
    frames : list of Frame
        In order, all of one size.
    options : ReadOptions
    name : str
        For messages.

    Returns
    -------
    scan : Scan
        Of pixels and intensity alone.
    inverted : bool
        Whether black and white were exchanged, and turned back.

    Raises
    ------
    SourceError
        When pixels or rescale tags are damaged.
    """
    header = frames[0].header
    rescaled = frames[0].rescale is not None
    if any((frame.rescale is not None) != rescaled for frame in frames):
        raise SourceError(name, "mixes slices with and without rescale tags", "Export the series again")
    pixels = np.empty((len(frames), int(header.Rows), int(header.Columns)), dtype=np.float32)

    def fill(numbers: list[int]) -> None:
        """Put the rescaled slices of one file in their places."""
        own = [frames[number] for number in numbers]
        for number, frame, stored in zip(numbers, own, stored_values(own, options.limits), strict=True):
            _rescale(stored, frame, out=pixels[number])

    of_files = [[*numbers] for _, numbers in groupby(range(len(frames)), key=lambda number: frames[number].file)]
    with ThreadPoolExecutor(READERS, thread_name_prefix="lungct") as pool:
        for _ in pool.map(fill, of_files):
            pass
    inverted = str(header.get("PhotometricInterpretation")) == "MONOCHROME1" and _is_bright_outside(pixels)
    if inverted:
        _turn_back(pixels, frames)
    fill_padding(pixels)
    syntax = syntax_of(header)
    metadata: dict[str, Any] = {
        "format": "DICOM",
        "modality": "CT",
        "transfer_syntax": syntax.name if syntax else "none",
    }
    meant = options.intensity or _meaning(pixels)
    if meant == "offset":
        pixels -= STORED_OFFSET
    if meant == "grey":
        return _through_window(pixels, frames[0], options, name, metadata), inverted
    if meant == "display":
        return array_to_scan(pixels, options, source=name, metadata=metadata, own=True), inverted
    np.maximum(pixels, AIR, out=pixels)
    unsure = options.intensity is None and (meant == "offset" or not rescaled)
    metadata["intensity_guessed"] = unsure
    return Scan(pixels, "hu", source=name, metadata=metadata), inverted


def _meaning(pixels: NDArray[np.float32]) -> str:
    """Return what rescaled pixels hold: "hu", "offset" (HU with 1024 added still) or "grey" of an unknown window."""
    lowest, highest = float(pixels.min()), float(pixels.max())
    if lowest < HU_BELOW:
        return "hu"
    # A chest in HU has air. Without any, the rescale tags were lost or emptied on the way.
    return "offset" if highest - lowest > STORED_OFFSET else "grey"


def _through_window(
    pixels: NDArray[np.float32], frame: Frame, options: ReadOptions, name: str, metadata: dict[str, Any]
) -> Scan:
    """Return grey as a screen would show it, through the window in the tags where there is one."""
    if frame.window is not None:
        frame.window.apply(pixels)
    shown = array_to_scan(
        pixels, ReadOptions("display", None, options.limits), source=name, metadata=metadata, own=True
    )
    return Scan(shown.pixels, "display", source=name, metadata={**shown.metadata, "intensity_guessed": True})


def _rescale(stored: NDArray[Any], frame: Frame, out: NDArray[np.float32]) -> None:
    """Write Hounsfield units, as the tags give them, NaN where there is padding."""
    slope, intercept = _rescale_of(frame)
    np.multiply(stored, np.float32(slope), out=out, dtype=np.float32)
    out += np.float32(intercept)
    if not np.isfinite(out).all():
        raise SourceError(str(frame.file), "holds NaN or infinite values", "Export it again")
    out[padding_of(frame, stored)] = np.nan


def _rescale_of(frame: Frame) -> tuple[float, float]:
    slope, intercept = frame.rescale or (1.0, 0.0)
    if max(abs(slope), abs(intercept)) > LARGEST_RESCALE or slope == 0:
        raise SourceError(
            str(frame.file), f"is rescaled by {slope:g} and {intercept:g}, as no scanner does", "Export it again"
        )
    return slope, intercept


def _turn_back(pixels: NDArray[np.float32], frames: list[Frame]) -> None:
    """Undo, in place, the exchange of stored values: within the range of their type, or else the range found."""
    lowest, highest = float(np.nanmin(pixels)), float(np.nanmax(pixels))
    header = frames[0].header
    signed = int(header.get("PixelRepresentation") or 0) == 1
    mirrored = -1.0 if signed else float(2 ** int(header.get("BitsStored") or 16) - 1)
    slope, intercept = _rescale_of(frames[0])
    both_ends = slope * mirrored + 2 * intercept
    # Some writers mirrored what they found instead: then the range of the type leaves no air.
    if not PLAUSIBLE_AIR[0] <= both_ends - highest <= PLAUSIBLE_AIR[1]:
        both_ends = lowest + highest
    np.subtract(np.float32(both_ends), pixels, out=pixels)


def _is_bright_outside(pixels: NDArray[np.float32]) -> bool:
    """Tell whether the border of the slices, where air is, is nearer to the brightest value than to the darkest."""
    edge = np.concatenate([part.ravel() for part in (pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1])])
    if np.isnan(edge).all():  # padding all round: look at what is next to it
        missing = np.isnan(pixels)
        beside = np.zeros_like(missing)
        beside[:, :, 1:] |= missing[:, :, :-1]
        beside[:, :, :-1] |= missing[:, :, 1:]
        edge = pixels[beside & ~missing]
    return float(np.nanmedian(edge)) > (float(np.nanmax(pixels)) + float(np.nanmin(pixels))) / 2
