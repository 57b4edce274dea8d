"""Folders and archives: which scans are in them, series told apart."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .dicom import Frame, frames_of, read_header, refusal
from .errors import SourceError, explained
from .files import SourceFile, head_of, members_of
from .formats import HEAD_BYTES, format_of
from .limits import Limits


@dataclass(frozen=True)
class DicomSeries:
    """The files of one CT series.

    Parameters
    ----------
    name : str
        For people: where it was found, its number and description.
    uid : str
        SeriesInstanceUID.
    files : tuple of SourceFile
    """

    name: str
    uid: str
    files: tuple[SourceFile, ...]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Found:
    """What a folder or an archive holds.

    Parameters
    ----------
    sources : list of Path or DicomSeries
        What can be read, sorted by name.
    refused : list of SourceError
        Files that look like scans and are none: localizers, other modalities, damaged ones.
    """

    sources: list[Path | DicomSeries]
    refused: list[SourceError]


def find_sources(place: Path, limits: Limits | None = None) -> Found:
    """Search a folder and those below it, or a ZIP archive, for scans.

    Pictures and volumes are one source each; DICOM files become series, by SeriesInstanceUID, size and direction.
    Links to folders are not followed. Archives hold DICOM alone; other files in them are left aside.

    Parameters
    ----------
    place : Path
        A folder or a ZIP archive.
    limits : Limits, optional

    Raises
    ------
    SourceError
        When the archive is damaged, or there are too many files.
    """
    limits = limits or Limits()
    files, dicom, others = list(_walk(place, limits)), [], []
    refused: list[SourceError] = []
    for file in files:
        try:
            found = format_of(head_of(file, HEAD_BYTES))
        except SourceError as error:
            refused.append(error)
        except OSError as error:
            refused.append(SourceError(str(file), f"can't be opened ({error})", "Check its permissions"))
        else:
            if found is not None and found.name == "DICOM":
                dicom.append(file)
            elif found is not None and found.name == "ZIP" and file.member is None:
                inside = find_sources(file.path, limits)
                others.extend(inside.sources)
                refused.extend(inside.refused)
            elif file.member is None and found is not None and found.read is not None:
                others.append(file.path)
    series = _series(dicom, limits, refused)
    return Found(sorted([*others, *series], key=str), refused)


def _walk(place: Path, limits: Limits) -> Iterator[SourceFile]:
    if place.is_file():
        yield from members_of(place, limits)
        return
    paths = []
    for path in place.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            paths.append(path)
            limits.check_count(str(place), len(paths))
    yield from (SourceFile(path) for path in sorted(paths))


def _series(files: Iterable[SourceFile], limits: Limits, refused: list[SourceError]) -> list[DicomSeries]:
    """Return the series of DICOM files; files that are no CT slices are added to `refused`."""
    groups: dict[tuple[Any, ...], list[SourceFile]] = defaultdict(list)
    titles: dict[tuple[Any, ...], str] = {}
    for file in files:
        try:
            with explained(str(file), "is a damaged DICOM file", "Copy or export it again"):
                header = read_header(file, limits)
                reason = refusal(header)
                if reason:
                    raise SourceError(str(file), *reason)
                key, title = _identity(file, header, frames_of(file, header, limits)[0])
        except SourceError as error:
            refused.append(error)
            continue
        groups[key].append(file)
        titles[key] = title
    homes = {key: str(group[0].path if group[0].member else _home(group)) for key, group in groups.items()}
    return [DicomSeries(_name(key, homes, titles, group), key[0], tuple(group)) for key, group in groups.items()]


def _identity(file: SourceFile, header: Any, first: Frame) -> tuple[tuple[Any, ...], str]:
    """Return what the slices of one series have in common, and a title for people."""
    uid = str(header.get("SeriesInstanceUID") or file)
    direction = () if first.place is None else tuple(np.round(first.place.directions, 1).ravel() + 0.0)
    described = " ".join(str(header.get("SeriesDescription") or "").split())[:40]
    title = " ".join(filter(None, ["series", str(header.get("SeriesNumber") or ""), described]))
    return (uid, int(header.Rows), int(header.Columns), direction), title


def _home(group: list[SourceFile]) -> Path:
    """Return the file, or the deepest folder that holds all files."""
    return Path(os.path.commonpath([file.path for file in group]))


def _name(key: tuple[Any, ...], homes: dict[Any, str], titles: dict[Any, str], group: list[SourceFile]) -> str:
    """Return a series' own file or folder, and more where others share it."""
    home = homes[key]
    beside = [other for other in homes if homes[other] == home and other != key]
    if not beside:
        return home
    if len(group) == 1:
        return str(group[0])
    same = any(titles[other] == titles[key] for other in beside)
    return f"{home}[{titles[key]}{' ' + key[0] if same else ''}]"
