"""`read_scan`: the one way in."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image

from .arrays import array_to_scan, is_array_like
from .errors import SourceError
from .formats import HEAD_BYTES, find_reader
from .pictures import picture_to_scan
from .scan import Intensity, Scan


def read_scan(
    source: object,
    *,
    intensity: Intensity | None = None,
    spacing: tuple[float, float, float] | None = None,
) -> Scan:
    """Read one source as a `Scan`.

    Parameters
    ----------
    source : path, array_like, PIL.Image.Image or Scan
        A PNG, JPEG, TIFF or NPY file; an array (height, width), (height, width, 3 or 4) or
        (slices, height, width); or a scan, which is returned as it is.
    intensity : {"hu", "display"}, optional
        What the values mean, where you know; otherwise see `array_to_scan`.
    spacing : tuple of float, optional
        (z, y, x) in mm, for arrays.

    Returns
    -------
    Scan

    Raises
    ------
    SourceError
        With the input's name and a remedy, whatever is wrong with the input.
    """
    if isinstance(source, Scan):
        return source
    if isinstance(source, (str, os.PathLike)):
        return _read_file(Path(source), intensity)
    if isinstance(source, Image.Image):
        return picture_to_scan(source, intensity)
    if is_array_like(source):
        return array_to_scan(source, intensity=intensity, spacing=spacing)
    raise SourceError(
        f"object of type {type(source).__name__}",
        "is neither a path nor an array",
        "Give a file path, a NumPy array, a Pillow image or a Scan",
    )


def _read_file(path: Path, intensity: Intensity | None) -> Scan:
    try:
        if path.is_dir():
            raise SourceError(str(path), "is a folder, not a scan", "Give the files in it, one source each")
        if not path.exists():
            raise SourceError(str(path), "does not exist", "Check the path and its spelling")
        if not path.is_file():
            raise SourceError(str(path), "is no ordinary file", "Give a file on disk")
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except (OSError, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(str(path), f"can't be opened ({error})", "Check its name and permissions") from error
    if not head:
        raise SourceError(str(path), "is an empty file", "Copy or export it again")
    return find_reader(path, head)(path, intensity)
