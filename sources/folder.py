"""Find the scans in folders and archives, and sort DICOM files into series."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..common.modality import Modality
from .dicom.header import read_header
from .dicom.image import SAME_DIRECTION, Frame, check_is_ct, frames_of
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

    Each picture and each volume is one source. DICOM CT slices are grouped into series by SeriesInstanceUID, size and
    direction; each DICOM X-ray is one source. A study often has both, so `modality` says which to look for.
    Links to folders are not followed. In archives with DICOM files, other files are not read. Results of lungct itself
    are left out.

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
