"""Read 8- and 16-bit TIFF files through tifffile; compressed ones in a cell, see `lungct.sources.cell`."""

from __future__ import annotations

import io
import math
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .arrays import array_to_scan
from .cell import CELLS
from .errors import SourceError, explained
from .limits import Limits
from .options import DEFAULTS, ReadOptions
from .scan import Scan

COLOURS = ("PALETTE", "SEPARATED")
"""Colour spaces other than RGB: a palette, or printing inks."""


def read_tiff(path: Path, options: ReadOptions = DEFAULTS) -> Scan:
    """Read a TIFF file: one page is a slice, several pages of one size are a volume.

    Signed 16-bit values are read as Hounsfield units if any is below -200, otherwise as display grey.

    Parameters
    ----------
    path : Path
        The file.
    options : ReadOptions

    Raises
    ------
    SourceError
        When the file is damaged, its pages differ in size, or its size is outside the limits.
    """
    import tifffile  # imported here because it would double lungct's import time

    name = str(path)
    with explained(name, "is damaged or cut off", "Copy or export the file again"):
        with path.open("rb") as opened:
            _check_pages(name, opened, options.limits)
        with path.open("rb") as opened, tifffile.TiffFile(opened) as file:
            expected = _checked_size(name, file, options.limits)
            plain = all(page.compression == tifffile.COMPRESSION.NONE for page in file.pages)
            values = values_of(file) if plain else None
        if values is None:
            with CELLS.holding("lungct.sources.tiff:answer", path.read_bytes(), expected) as ask:
                values = ask()
        return array_to_scan(values, options, source=name, metadata={"format": "TIFF"})


def answer(content: bytes) -> NDArray[Any]:
    """Return the values of a file. Runs in the cell."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(content)) as file:
        return values_of(file)


def values_of(file: Any) -> NDArray[Any]:
    """Return the values of an opened file, upright, with black as the lowest value and colours on the last axis.

    Parameters
    ----------
    file : tifffile.TiffFile
        A file with one series.
    """
    page, axes = file.pages.first, file.series[0].axes
    values: NDArray[Any] = file.asarray()
    if "S" in axes:  # red, green and blue may be separate planes
        values = np.moveaxis(values, axes.index("S"), -1)
    if "Orientation" in page.tags:
        first = values.ndim - (3 if "S" in axes else 2)
        values = _upright(values, int(page.tags["Orientation"].value), (first, first + 1))
    kind = page.photometric.name
    if kind == "PALETTE":
        return np.moveaxis(np.asarray(page.colormap)[:, values] >> 8, 0, -1).astype(np.uint8)
    if kind == "SEPARATED":
        return _without_ink(values)
    if kind == "MINISWHITE" and values.dtype.kind == "u":
        return np.asarray(np.iinfo(values.dtype).max - values)
    return np.asarray(values)


def _without_ink(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Convert CMYK inks to red, green and blue, one channel at a time to save memory."""
    full = np.float32(np.iinfo(values.dtype).max)
    white = 1 - values[..., 3] / full
    shown = np.empty((*values.shape[:-1], 3), dtype=np.uint8)
    for place in range(3):
        shown[..., place] = np.rint(255 * (1 - values[..., place] / full) * white)
    return shown


def _checked_size(name: str, file: Any, limits: Limits) -> int:
    """Return how many bytes the values take.

    Raises
    ------
    SourceError
        When it is neither a slice nor a volume, is too large, or has far more packed bytes than it can unpack to.
    """
    shape: tuple[int, ...] = file.series[0].shape if file.series else ()
    axes = file.series[0].axes if file.series else ""
    limits.check_shape(name, tuple(length for axis, length in zip(axes, shape, strict=True) if axis != "S"))
    if len(file.series) > 1:
        raise SourceError(name, f"holds {len(file.series)} image series of different kinds", "Save one series per file")
    for page in file.pages:
        packed, plain = sum(page.databytecounts), page.nbytes
        if packed > 1.25 * plain + 65536:  # it could unpack to any size
            raise SourceError(
                name, f"holds {packed} bytes for a page that unpacks to {plain}", "Copy or export the file again"
            )
    if file.pages.first.photometric.name in COLOURS and len(file.pages) > 1:
        raise SourceError(
            name, "has several pages in palette colours or printing inks", "Save it as grey, upright pages"
        )
    return math.prod(shape) * int(file.series[0].dtype.itemsize)


def _check_pages(name: str, file: BinaryIO, limits: Limits) -> None:
    """Refuse a file with too many pages, or with a loop of pages, before a parser follows them."""
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = len(head) == 16 and struct.unpack_from(f"{order}H", head, 2)[0] == 43
    place = struct.unpack_from(f"{order}{'Q' if big else 'I'}", head, 8 if big else 4)[0]
    count, entry, link = ("Q", 20, "Q") if big else ("H", 12, "I")
    seen: set[int] = set()
    while place:
        if place in seen:
            raise SourceError(name, "has pages that link in a loop", "Copy or export the file again")
        seen.add(place)
        limits.check_count(name, len(seen))
        file.seek(place)
        (entries,) = struct.unpack(f"{order}{count}", file.read(struct.calcsize(count)))
        file.seek(entries * entry, io.SEEK_CUR)
        (place,) = struct.unpack(f"{order}{link}", file.read(struct.calcsize(link)))


def _upright(values: NDArray[Any], orientation: int, axes: tuple[int, int]) -> NDArray[Any]:
    """Undo a TIFF orientation, 1 to 8: from 5 up, rows and columns are exchanged; some are mirrored."""
    turns = {1: 0, 2: 0, 3: 2, 4: 2, 5: 3, 6: 3, 7: 1, 8: 1}.get(orientation, 0)
    turned = np.rot90(values, turns, axes)
    return np.flip(turned, axes[1]) if orientation in (2, 4, 5, 7) else turned
