"""TIFF files, 8- and 16-bit, through tifffile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .arrays import array_to_scan
from .errors import SourceError, explained
from .options import DEFAULTS, ReadOptions
from .pictures import picture_to_scan
from .scan import Scan


def read_tiff(path: Path, options: ReadOptions = DEFAULTS) -> Scan:
    """Read a TIFF file: one page is a slice, several pages of one size are a volume.

    Signed 16-bit values that reach below -200 are read as Hounsfield units, others as display grey.

    Parameters
    ----------
    path : Path
        The file.
    options : ReadOptions

    Raises
    ------
    SourceError
        When the file is damaged, its pages differ in size, or its size is out of bounds.
    """
    import tifffile  # here, because it would double the time that importing lungct takes

    name = str(path)
    with explained(name, "is damaged or cut off", "Copy or export the file again"), tifffile.TiffFile(path) as file:
        shape: tuple[int, ...] = file.series[0].shape if file.series else ()
        axes = file.series[0].axes if file.series else ""
        options.limits.check_shape(name, tuple(length for axis, length in zip(axes, shape, strict=True) if axis != "S"))
        if len(file.series) > 1:
            raise SourceError(
                name, f"holds {len(file.series)} image series of different kinds", "Save one series per file"
            )
        page = file.pages.first
        _check_bytes(name, page)
        if page.photometric in (tifffile.PHOTOMETRIC.PALETTE, tifffile.PHOTOMETRIC.SEPARATED):
            return _read_by_pillow(path, options, len(file.pages))
        inverted = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
        values = file.asarray()
        if "S" in axes:  # red, green and blue may be stored apart
            values = np.moveaxis(values, axes.index("S"), -1)
        if "Orientation" in page.tags:
            first = values.ndim - (3 if "S" in axes else 2)
            values = _upright(values, int(page.tags["Orientation"].value), (first, first + 1))
        if inverted and values.dtype.kind == "u":
            values = np.iinfo(values.dtype).max - values
        return array_to_scan(values, options, source=name, metadata={"format": "TIFF"})


def _check_bytes(name: str, page: Any) -> None:
    """Refuse packed data that is larger than what it should unpack to: it would unpack to anything."""
    packed, plain = sum(page.databytecounts), page.nbytes
    if packed > 1.25 * plain + 65536:
        raise SourceError(name, f"holds {packed} bytes for a page of {plain}", "Copy or export the file again")


def _read_by_pillow(path: Path, options: ReadOptions, pages: int) -> Scan:
    """Read one page of palette colours or printing inks, which tifffile hands out as stored."""
    if pages > 1:
        raise SourceError(
            str(path),
            "has several pages in palette colours, printing inks, or turned",
            "Save it as grey, upright pages",
        )
    with Image.open(path) as picture:
        return picture_to_scan(picture, options, source=str(path))


def _upright(values: NDArray[Any], orientation: int, axes: tuple[int, int]) -> NDArray[Any]:
    """Undo a TIFF orientation, 1 to 8: from 5 on rows and columns are exchanged, every second one is a mirror image."""
    turns = {1: 0, 2: 0, 3: 2, 4: 2, 5: 3, 6: 3, 7: 1, 8: 1}.get(orientation, 0)
    turned = np.rot90(values, turns, axes)
    return np.flip(turned, axes[1]) if orientation in (2, 4, 5, 7) else turned
