"""Define `read_scan`, the one function that reads every kind of source."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from .arrays import is_array_like, is_column
from .dicom.series import read_dicom
from .errors import SourceError
from .files import SourceFile
from .folder import DicomSeries, Found, find_sources
from .foreign.content import read_content
from .foreign.names import counted
from .foreign.objects import is_object, read_object
from .formats import HEAD_BYTES, KNOWN, find_reader, format_of
from .limits import Limits
from .options import ReadOptions
from .raw.nifti_file import header_of_pair
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
    source : path, DicomSeries, SourceFile, array_like, Scan, open binary file, bytes, or object of another library
        A DICOM, NIfTI, NRRD, MHA, PNG, JPEG, BMP, TIFF or NPY file, or an NHDR or MHD header in the folder of its pixel
        file; a folder or ZIP archive with one DICOM CT series, or with one X-ray and no CT; a series found by
        `find_sources`, or a member of an archive; an array (height, width), (height, width, 3 or 4) or (slices, height,
        width); a scan, which is returned unchanged; the content of a file, as an open file or bytes; a Pillow,
        SimpleITK or nibabel image; a pydicom dataset, or a list of those of one series.
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
    ValueError
        For an unknown `intensity`.
    """
    options = ReadOptions(intensity, spacing, limits or Limits())
    if isinstance(source, Scan):
        return source
    if isinstance(source, SourceError):  # a file refused by a folder search, given in place of the input
        raise source
    if isinstance(source, DicomSeries):
        return read_dicom(source.files, options, source.name, source.frames, source.warnings)
    if isinstance(source, SourceFile):
        return read_content(str(source), source.read(options.limits), options)
    if isinstance(source, (str, os.PathLike)):
        return _read_path(_path(source), options)
    return read_object(source, options)


def _path(source: str | os.PathLike[str]) -> Path:
    """Return a path; an empty one would be the current folder."""
    if not str(source).strip():
        raise SourceError("empty path", "names no file", "Check the variable or the table's cell that it comes from")
    return Path(source)


def _read_path(path: Path, options: ReadOptions) -> Scan:
    try:
        if path.is_dir():
            return _read_only_scan(path, options)
        if not path.exists():
            raise SourceError(str(path), "does not exist", "Check the path and its spelling")
        if not path.is_file():
            raise SourceError(str(path), "is not a regular file", "Give a file on disk")
        path = header_of_pair(path) or path
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
        raise _nothing_in(place, found)
    only = found.sources[0]
    if isinstance(only, DicomSeries):
        return read_dicom(only.files, options, only.name, only.frames, only.warnings)
    if isinstance(only, SourceFile):
        return read_content(str(only), only.read(options.limits), options)
    return _read_path(only, options)


def _nothing_in(place: Path, found: Found) -> SourceError:
    """Return the error for a folder or archive without scans: it names what is there instead."""
    if found.refused:
        why = f": {found.refused[0]}" if len(found.refused) == 1 else ""
        problem = f"holds no readable scan; files refused: {len(found.refused)}{why}"
        return SourceError(str(place), problem, "Run lungct info on it to see the reason for each file")
    if not found.others:
        return SourceError(str(place), "holds no readable scan: no files at all", "Check the path and its spelling")
    return SourceError(
        str(place), f"holds no readable scan, only {counted(found.others)}", f"Convert or unpack to one of {KNOWN}"
    )


def is_single(source: object) -> bool:
    """Tell whether an object is one source, not an iterable of several: a path, array, picture, scan, file or the like.

    A list of pydicom datasets is one source, their series.
    """
    one = isinstance(source, (str, os.PathLike, Scan, DicomSeries, SourceFile, SourceError)) or is_object(source)
    return one or (is_array_like(source) and not is_column(source)) or not isinstance(source, Iterable)
