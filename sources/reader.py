"""Define `read_scan`, the one function that reads every kind of source."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from .arrays import array_to_scan, is_array_like
from .dicom.series import read_dicom
from .errors import SourceError
from .folder import DicomSeries, find_sources
from .formats import HEAD_BYTES, find_reader, format_of
from .limits import Limits
from .options import ReadOptions
from .pictures import picture_to_scan
from .scan import Intensity, Scan


def read_scan(
    source: object,
    *,
    intensity: Intensity | None = None,
    spacing: tuple[float, float, float] | None = None,
    limits: Limits | None = None,
) -> Scan:
    """Read one source as a `Scan`.

    Parameters
    ----------
    source : path, DicomSeries, array_like, PIL.Image.Image or Scan
        A DICOM, NIfTI, NRRD, MHA, PNG, JPEG, TIFF or NPY file, or an NHDR or MHD header in the folder of its pixel
        file; a folder or ZIP archive with one DICOM CT series, or with one X-ray and no CT; a series found by
        `find_sources`; an array (height, width), (height, width, 3 or 4) or (slices, height, width); or a scan, which
        is returned unchanged.
    intensity : {"hu", "display"}, optional
        What the values mean, if you know; otherwise see `array_to_scan`.
    spacing : tuple of float, optional
        (z, y, x) in mm, for arrays and pictures.
    limits : Limits, optional
        Sizes beyond which an input is refused.

    Returns
    -------
    Scan

    Raises
    ------
    SourceError
        Whatever is wrong with the input; the message has its name and a remedy.
    """
    options = ReadOptions(intensity, spacing, limits or Limits())
    if isinstance(source, Scan):
        return source
    if isinstance(source, SourceError):  # a file refused by a folder search, given in place of the input
        raise source
    if isinstance(source, DicomSeries):
        return read_dicom(source.files, options, source.name, source.frames, source.warnings)
    if isinstance(source, (str, os.PathLike)):
        return _read_path(Path(source), options)
    if isinstance(source, Image.Image):
        return picture_to_scan(source, options)
    if is_array_like(source):
        return array_to_scan(source, options)
    raise SourceError(
        f"object of type {type(source).__name__}",
        "is neither a path nor an array",
        "Give a file path, a NumPy array, a Pillow image or a Scan",
    )


def _read_path(path: Path, options: ReadOptions) -> Scan:
    try:
        if path.is_dir():
            return _read_only_scan(path, options)
        if not path.exists():
            raise SourceError(str(path), "does not exist", "Check the path and its spelling")
        if not path.is_file():
            raise SourceError(str(path), "is not a regular file", "Give a file on disk")
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except (OSError, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(str(path), f"can't be opened ({error})", "Check its name and permissions") from error
    if not head:
        raise SourceError(str(path), "is an empty file", "Copy or export it again")
    found = format_of(head)
    if found is not None and found.name == "ZIP":
        return _read_only_scan(path, options)
    return find_reader(path, head)(path, options)


def _read_only_scan(place: Path, options: ReadOptions) -> Scan:
    """Read the one scan of a folder or archive."""
    found = find_sources(place, options.limits, keep_frames=True)
    if not found.sources and found.refused:
        xrays = find_sources(place, options.limits, modality="xray")
        found = xrays if xrays.sources else found
    if len(found.sources) > 1:
        names = "; ".join(map(str, found.sources[:5])) + ("; …" if len(found.sources) > 5 else "")
        raise SourceError(
            str(place),
            f"holds {len(found.sources)} scans ({names})",
            "Give one of them, or loop over lungct.sources.find_sources(path).sources",
        )
    if not found.sources:
        why = f": {found.refused[0]}" if len(found.refused) == 1 else ""
        raise SourceError(
            str(place),
            f"holds no readable scan; files refused: {len(found.refused)}{why}",
            "Run lungct info on it to see the reason for each file",
        )
    only = found.sources[0]
    if isinstance(only, DicomSeries):
        return read_dicom(only.files, options, only.name, only.frames, only.warnings)
    return _read_path(only, options)


def is_single(source: object) -> bool:
    """Tell whether an object is one source, not an iterable of several: a path, array, picture or scan."""
    one = isinstance(source, (str, bytes, os.PathLike, Scan, DicomSeries, SourceError)) or is_array_like(source)
    return one or not isinstance(source, Iterable)
