"""Find the scans in folders and archives, and sort DICOM files into series."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..common.modality import Modality
from .dicom.grouping import group_files
from .dicom.header import read_header
from .dicom.image import Frame
from .dicom.names import names_of
from .dicom.radiograph import check_is_frontal_xray
from .errors import SourceError, explained
from .files import SourceFile, keeping_open, members_of
from .formats import HEAD_BYTES, Format, format_of, pixels_beside, readable_suffixes
from .limits import Limits

PIXEL_SUFFIXES = (".raw", ".zraw", ".raw.gz", ".raw.bz2")
"""Suffixes of pixel files that have a separate header; such files may look like any format by content."""


@dataclass(frozen=True)
class DicomSeries:
    """The files of one CT series, or the file of one X-ray.

    Parameters
    ----------
    name : str
        Name for people: where the series was found, its number and its description.
    uid : str
        SeriesInstanceUID; the first file's name if it is missing.
    files : tuple of SourceFile
    frames : tuple of Frame
        Frames found by the search, if it kept them, so that headers need not be read twice. For a large folder they
        would fill the memory.
    warnings : tuple of str
        Codes of warnings about what belongs together.
    part : str
        Which acquisition of a SeriesInstanceUID with several, such as ``acquisition 2``; empty if there is one.
    """

    name: str
    uid: str
    files: tuple[SourceFile, ...]
    frames: tuple[Frame, ...] = field(default=(), repr=False, compare=False)
    warnings: tuple[str, ...] = ()
    part: str = ""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Found:
    """The contents of a folder or an archive.

    Parameters
    ----------
    sources : list of Path or DicomSeries
        Readable sources, sorted by name.
    refused : list of SourceError
        Files that look like scans but are not: localizers, other modalities, damaged files.
    """

    sources: list[Path | DicomSeries]
    refused: list[SourceError]


def find_sources(
    place: Path, limits: Limits | None = None, *, keep_frames: bool = False, modality: Modality = "ct"
) -> Found:
    """Search a folder and its subfolders, or a ZIP archive, for scans.

    Each picture and each volume is one source. DICOM CT slices are grouped into series by patient, study,
    SeriesInstanceUID, acquisition, size, spacing and direction; each DICOM X-ray is one source. A study often has both,
    so `modality` says which to look for.
    Links to folders are not followed. In archives only DICOM is read; other files are ignored.

    Parameters
    ----------
    place : Path
        A folder or a ZIP archive.
    limits : Limits, optional
    keep_frames : bool
        Keep the frames found in DICOM files, for a caller that reads them next.
    modality : {"ct", "xray"}
        Which DICOM files to look for; the others are refused.

    Raises
    ------
    SourceError
        When the archive is damaged, or there are too many files.
    """
    limits = limits or Limits()
    archives = [SourceFile(place, "")] if place.is_file() else []
    with keeping_open(archives, limits):
        return _search(place, limits, modality, keep_frames=keep_frames)


def _search(place: Path, limits: Limits, modality: Modality, *, keep_frames: bool) -> Found:
    refused: list[SourceError] = []
    dicom: list[SourceFile] = []
    others: list[Path | DicomSeries] = []
    for file in _walk(place, limits, refused):
        try:
            found = format_of(file.head(HEAD_BYTES, limits))
            if found is not None and found.name == "DICOM":
                dicom.append(file)
            elif file.member is None:
                _add_other(file.path, found, others, refused, limits, modality)
        except SourceError as error:
            refused.append(error)
        except OSError as error:
            refused.append(_unopened(file, error))
    if modality == "xray":
        return Found(sorted([*others, *_radiographs(dicom, limits, refused)], key=str), refused)
    return Found(sorted([*others, *_series(dicom, limits, refused, keep_frames)], key=str), refused)


def _add_other(
    path: Path,
    found: Format | None,
    others: list[Path | DicomSeries],
    refused: list[SourceError],
    limits: Limits,
    modality: Modality,
) -> None:
    """Add the sources in a file that is not DICOM; ignore files that don't look like scans."""
    if found is not None and found.name == "ZIP":
        inside = find_sources(path, limits, modality=modality)
        others.extend(inside.sources)
        refused.extend(inside.refused)
    elif (found is not None and found.read is not None) or path.name.lower().endswith(readable_suffixes()):
        others.append(path)  # if it is a picture by name only, reading it will say so


def _unopened(what: object, error: OSError) -> SourceError:
    return SourceError(str(what), f"can't be opened ({error.strerror or error})", "Check its permissions")


def _walk(place: Path, limits: Limits, refused: list[SourceError]) -> Iterator[SourceFile]:
    """Yield the files of a folder and its subfolders, or of an archive, sorted by name, without hidden files."""
    if place.is_file():
        yield from members_of(place, limits)
        return
    paths: list[Path] = []
    for folder, below, names in os.walk(
        place, onerror=lambda error: refused.append(_unopened(error.filename or place, error))
    ):
        below[:] = [name for name in below if not name.startswith(".")]
        for name in names:
            path = Path(folder) / name
            if not name.startswith(".") and path.is_file():  # a link may be broken, and a pipe would block
                paths.append(path)
                limits.check_count(str(place), len(paths))
    described = {pixels_beside(path) for path in paths}
    for path in sorted(paths):
        if path not in described or not path.name.lower().endswith(PIXEL_SUFFIXES):
            yield SourceFile(path)


def _radiographs(files: Iterable[SourceFile], limits: Limits, refused: list[SourceError]) -> list[DicomSeries]:
    """Return the frontal X-rays among DICOM files, one source each; add the other files to `refused`."""
    found = []
    for file in files:
        try:
            with explained(str(file), "is a damaged DICOM file", "Copy or export it again"):
                header = read_header(file, limits)
                check_is_frontal_xray(file, header)
        except SourceError as error:
            refused.append(error)
            continue
        found.append(DicomSeries(str(file), str(header.get("SeriesInstanceUID") or file), (file,)))
    return found


def _series(
    files: Iterable[SourceFile], limits: Limits, refused: list[SourceError], keep_frames: bool
) -> list[DicomSeries]:
    """Group DICOM files into series; add files that are not CT slices to `refused`."""
    groups = group_files(files, limits, refused, keep_frames=keep_frames)
    return [
        DicomSeries(
            name,
            group.first.uid or str(group.first.file),
            tuple(one.file for one in group.files),
            tuple(frame for one in group.files for frame in one.frames),
            tuple(group.codes),
            group.part,
        )
        for name, group in zip(names_of(groups), groups, strict=True)
    ]
