"""Find out what the stored values of DICOM slices mean: Hounsfield units by the tags, otherwise a guess."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import array_to_scan, fill_padding
from ..errors import SourceError
from ..intensity import HU_BELOW, PADDING_BELOW, Meaning, can_be_hu, meaning_of
from ..options import ReadOptions
from ..scan import AIR, Scan
from .header import syntax_of
from .image import Frame, stored_values
from .padding import padding_of

READERS = 4
"""Files read in parallel: one waits for the disk while another is decoded."""

LARGEST_RESCALE = 1e6
"""Slopes and intercepts beyond this are damaged."""

PLAUSIBLE_AIR = (-1200.0, -700.0)
"""Range, in HU, of the lowest value in a chest CT whose inversion was undone correctly."""

STORED_OFFSET = 1024
"""Offset that scanners add to Hounsfield units before storing them."""


def read_values(frames: list[Frame], options: ReadOptions, name: str) -> tuple[Scan, bool]:
    """Decode frames and find out what their values mean.

    Parameters
    ----------
    frames : list of Frame
        Sorted, all of one size.
    options : ReadOptions
    name : str
        Name to use in messages.

    Returns
    -------
    scan : Scan
        With pixels and intensity only.
    inverted : bool
        Whether black and white were exchanged, which was undone.

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
        """Write the rescaled slices of one file into `pixels`."""
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
    if options.intensity == "display":
        return array_to_scan(pixels, options, source=name, metadata=metadata, own=True), inverted
    meant = Meaning("hu", possible=can_be_hu(pixels)) if options.intensity else _meaning(pixels)
    if meant.intensity == "display":
        return _through_window(pixels, frames[0], options, name, metadata), inverted
    if meant.offset:
        pixels -= np.float32(meant.offset)
    np.maximum(pixels, AIR, out=pixels)
    metadata["intensity_guessed"] = options.intensity is None and not (meant.sure and rescaled)
    metadata["intensity_possible"] = meant.possible
    return Scan(pixels, "hu", source=name, metadata=metadata), inverted


def _meaning(pixels: NDArray[np.float32]) -> Meaning:
    """Return what rescaled pixels are: HU, HU with an offset, or grey of an unknown window."""
    meant = meaning_of(pixels)
    if meant.intensity == "hu":
        return meant
    lowest = float(pixels.min(where=pixels >= PADDING_BELOW, initial=np.inf))
    if lowest < HU_BELOW:
        return Meaning("hu")
    # A chest in HU contains air. If there is none, the rescale tags were lost or emptied before we got the file.
    return Meaning("hu", STORED_OFFSET, sure=False) if float(pixels.max()) - lowest > STORED_OFFSET else meant


def _through_window(
    pixels: NDArray[np.float32], frame: Frame, options: ReadOptions, name: str, metadata: dict[str, Any]
) -> Scan:
    """Return grey as a screen would show it, using the window in the tags if there is one."""
    if frame.window is not None:
        frame.window.apply(pixels)
    shown = array_to_scan(
        pixels, ReadOptions("display", None, options.limits), source=name, metadata=metadata, own=True
    )
    return Scan(shown.pixels, "display", source=name, metadata={**shown.metadata, "intensity_guessed": True})


def _rescale(stored: NDArray[Any], frame: Frame, out: NDArray[np.float32]) -> None:
    """Write Hounsfield units according to the tags, and NaN for padding."""
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
            str(frame.file), f"has an implausible rescale ({slope:g} x + {intercept:g})", "Export it again"
        )
    return slope, intercept


def _turn_back(pixels: NDArray[np.float32], frames: list[Frame]) -> None:
    """Undo the inversion of stored values, in place: over the range of their type, or else the range found."""
    lowest, highest = float(np.nanmin(pixels)), float(np.nanmax(pixels))
    header = frames[0].header
    signed = int(header.get("PixelRepresentation") or 0) == 1
    mirrored = -1.0 if signed else float(2 ** int(header.get("BitsStored") or 16) - 1)
    slope, intercept = _rescale_of(frames[0])
    both_ends = slope * mirrored + 2 * intercept
    # Some writers inverted over the range found; undoing that over the type's range would leave no air.
    if not PLAUSIBLE_AIR[0] <= both_ends - highest <= PLAUSIBLE_AIR[1]:
        both_ends = lowest + highest
    np.subtract(np.float32(both_ends), pixels, out=pixels)


def _is_bright_outside(pixels: NDArray[np.float32]) -> bool:
    """Tell whether the slices' border, which shows air, is closer to the brightest value than to the darkest."""
    edge = np.concatenate([part.ravel() for part in (pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1])])
    if np.isnan(edge).all():  # padding all round: look at the pixels next to it
        missing = np.isnan(pixels)
        beside = np.zeros_like(missing)
        beside[:, :, 1:] |= missing[:, :, :-1]
        beside[:, :, :-1] |= missing[:, :, 1:]
        edge = pixels[beside & ~missing]
    return float(np.nanmedian(edge)) > (float(np.nanmax(pixels)) + float(np.nanmin(pixels))) / 2
