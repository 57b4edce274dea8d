"""Find the scans in folders and archives, and sort DICOM files into series."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..common.modality import Modality
from .dicom.grouping import group_files
from .dicom.header import read_header
from .dicom.image import Frame
from .dicom.names import names_of
from .dicom.radiograph import check_is_frontal_xray
from .errors import NotCTError, SourceError, explained
from .files import SourceFile, keeping_open, members_of
from .foreign.names import kind_of_name
from .foreign.own import is_own_result
from .formats import HEAD_BYTES, Format, format_of, pixels_beside, readable_suffixes
from .limits import Limits

PIXEL_SUFFIXES = (".img", ".raw", ".zraw", ".raw.gz", ".raw.bz2")
"""Suffixes of pixel files that have a separate header; such files may look like any format by content."""

DOCUMENTS = (".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".epub", ".jar", ".pt", ".pth", ".keras", ".whl")
"""Suffixes of files that are ZIP archives by content only."""


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
    others : mapping of str to int
        How many other files there are of each kind, such as ``.docx``; they are not read.
    """

    sources: list[Path | DicomSeries | SourceFile]
    refused: list[SourceError]
    others: Mapping[str, int] = field(default_factory=dict)

    @property
    def left_out(self) -> Counter[str]:
        """How many intact files of each kind are not read: `others`, and DICOM files of another kind."""
        return Counter(self.others) + Counter(error.kind for error in self.refused if isinstance(error, NotCTError))


def find_sources(
    place: Path, limits: Limits | None = None, *, keep_frames: bool = False, modality: Modality = "ct"
) -> Found:
    """Search a folder and its subfolders, or a ZIP archive, for scans.

    Each picture and each volume is one source. DICOM CT slices are grouped into series by patient, study,
    SeriesInstanceUID, acquisition, size, spacing and direction; each DICOM X-ray is one source. A study often has both,
    so `modality` says which to look for. Links to folders are not followed. In archives with DICOM files, other files
    are not read. Results of lungct itself are left out.

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
    files: list[Path | DicomSeries | SourceFile] = []
    others: Counter[str] = Counter()
    for file in _walk(place, limits, refused):
        try:
            found = format_of(file.head(HEAD_BYTES, limits))
            if found is not None and found.name == "DICOM":
                dicom.append(file)
            elif found is not None and found.name == "ZIP" and file.member is None and not _is_document(file.path.name):
                inside = find_sources(file.path, limits, modality=modality)
                files.extend(inside.sources)
                refused.extend(inside.refused)
                others.update(inside.others)
            else:
                _add_other(file, place, found, files, others)
        except SourceError as error:
            refused.append(error)
        except OSError as error:
            refused.append(_unopened(file, error))
    of_dicom = (
        _radiographs(dicom, limits, refused) if modality == "xray" else _series(dicom, limits, refused, keep_frames)
    )
    if dicom and place.is_file():  # what lies beside a series in an archive are previews and documents
        others.update(kind_of_name(file.member) for file in files if isinstance(file, SourceFile) and file.member)
        files = []
    return Found(sorted([*files, *of_dicom], key=str), refused, others)


def _is_document(name: str) -> bool:
    """Tell by its name whether a ZIP archive is a document of a program, not an archive of files."""
    return name.lower().endswith(DOCUMENTS)


def _add_other(
    file: SourceFile,
    place: Path,
    found: Format | None,
    files: list[Path | DicomSeries | SourceFile],
    others: Counter[str],
) -> None:
    """Add a file that is not DICOM to the sources, or count it if it doesn't look like a scan."""
    name = (file.member or file.path.name).lower()
    if is_own_result(file.path, place) and file.member is None:
        others["result of lungct"] += 1
    elif (found is not None and found.read is not None) or name.endswith(readable_suffixes()):
        # If it is a picture by name only, reading it will say so.
        files.append(file.path if file.member is None else file)
    else:
        others[kind_of_name(name)] += 1


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
