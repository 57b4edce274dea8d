"""Find the scans in folders and archives, and sort DICOM files into series."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..common.modality import Modality
from .dicom.header import read_header
from .dicom.image import SAME_DIRECTION, Frame, check_is_ct, frames_of
from .dicom.radiograph import check_is_frontal_xray
from .errors import SourceError, explained
from .files import SourceFile, keeping_open, members_of
from .formats import HEAD_BYTES, Format, format_of, pixels_beside, readable_suffixes
from .limits import Limits

PIXEL_SUFFIXES = (".img", ".raw", ".zraw", ".raw.gz", ".raw.bz2")
"""Suffixes of pixel files that have a separate header; such files may look like any format by content."""

Key = tuple[str, int, int, tuple[float, ...]]
"""What identifies a series: SeriesInstanceUID, rows, columns, and direction cosines if there are any."""


@dataclass(frozen=True)
class DicomSeries:
    """The files of one CT series, or the file of one X-ray.

    Parameters
    ----------
    name : str
        Name for people: where the series was found, its number and its description.
    uid : str
        SeriesInstanceUID.
    files : tuple of SourceFile
    frames : tuple of Frame
        Frames found by the search, if it kept them, so that headers need not be read twice. For a large folder they
        would fill the memory.
    """

    name: str
    uid: str
    files: tuple[SourceFile, ...]
    frames: tuple[Frame, ...] = field(default=(), repr=False, compare=False)

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

    Each picture and each volume is one source. DICOM CT slices are grouped into series by SeriesInstanceUID, size and
    direction; each DICOM X-ray is one source. A study often has both, so `modality` says which to look for.
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
    groups: dict[Key, list[SourceFile]] = defaultdict(list)
    titles: dict[Key, str] = {}
    kept: dict[Key, list[Frame]] = defaultdict(list)
    for file in files:
        try:
            with explained(str(file), "is a damaged DICOM file", "Copy or export it again"):
                header = read_header(file, limits)
                check_is_ct(file, header)
                frames = frames_of(file, header, limits)
                key, title = _identity(file, header, frames[0], list(groups))
        except SourceError as error:
            refused.append(error)
            continue
        groups[key].append(file)
        titles[key] = title
        if keep_frames:
            kept[key].extend(frames)
    homes = {key: str(group[0].path if group[0].member else _home(group)) for key, group in groups.items()}
    return [
        DicomSeries(_name(key, homes, titles, group), key[0], tuple(group), tuple(kept[key]))
        for key, group in groups.items()
    ]


def _identity(file: SourceFile, header: Any, first: Frame, known: list[Key]) -> tuple[Key, str]:
    """Return the key of a slice's series, reusing a known key if it is the same, and the series' title."""
    uid = str(header.get("SeriesInstanceUID") or file)
    directions = () if first.place is None else tuple(float(value) for value in first.place.directions.ravel())
    key = (uid, int(header.Rows), int(header.Columns), directions)
    described = " ".join(str(header.get("SeriesDescription") or "").split())[:40]
    title = " ".join(filter(None, ["series", str(header.get("SeriesNumber") or ""), described]))
    return next((other for other in known if _same(other, key)), key), title


def _same(one: Key, other: Key) -> bool:
    """Tell whether two keys have the same series, sizes and, apart from rounding, directions."""
    if one[:3] != other[:3] or len(one[3]) != len(other[3]):
        return False
    return all(abs(mine - theirs) <= SAME_DIRECTION for mine, theirs in zip(one[3], other[3], strict=True))


def _home(group: list[SourceFile]) -> Path:
    """Return the only file, or the deepest folder that contains all files."""
    return Path(os.path.commonpath([file.path for file in group]))


def _name(key: Key, homes: dict[Key, str], titles: dict[Key, str], group: list[SourceFile]) -> str:
    """Return the file or folder of a series, and its title if another series shares that."""
    home = homes[key]
    beside = [other for other in homes if homes[other] == home and other != key]
    if not beside:
        return home
    if len(group) == 1:
        return str(group[0])
    same = any(titles[other] == titles[key] for other in beside)
    return f"{home}[{titles[key]}{' ' + key[0] if same else ''}]"
