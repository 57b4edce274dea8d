"""TIFF files, 8- and 16-bit, through tifffile."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .arrays import array_to_scan
from .errors import SourceError, explained
from .options import ReadOptions
from .scan import Scan


def read_tiff(path: Path, options: ReadOptions = ReadOptions()) -> Scan:
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
        inverted = file.pages.first.photometric == tifffile.PHOTOMETRIC.MINISWHITE
        values = file.asarray()
        if "S" in axes:  # red, green and blue may be stored apart
            values = np.moveaxis(values, axes.index("S"), -1)
        if inverted and values.dtype.kind == "u":
            values = np.iinfo(values.dtype).max - values
        return array_to_scan(values, options, source=name, metadata={"format": "TIFF"})
