"""What tells series apart: a file's patient, study, series, size, directions, spacing, acquisition and positions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from sys import intern
from typing import Any

import numpy as np

from ..files import SourceFile
from .header import tag_of
from .image import SAME_DIRECTION, Frame

IDENTITY = ("PatientID", "PatientBirthDate", "PatientName", "StudyInstanceUID", "SeriesInstanceUID")
"""Attributes that must agree within a series. A missing value agrees with any, if only one series qualifies."""

MOMENTS = ("AcquisitionDate", "AcquisitionTime", "AcquisitionDateTime")

SPLITTING = (
    ("acquisition", ("AcquisitionNumber",)),
    ("frame of reference", ("FrameOfReferenceUID",)),
    ("series number", ("SeriesNumber",)),
    ("temporal position", ("TemporalPositionIdentifier",)),
    ("acquisition time", MOMENTS),
    ("kernel", ("ConvolutionKernel",)),
    ("voltage", ("KVP",)),
    ("contrast", ("ContrastBolusAgent",)),
    ("image type", ("ImageType",)),
    ("description", ("SeriesDescription",)),
    ("content time", ("ContentTime",)),
)
"""Names and attributes that may tell apart several acquisitions or reconstructions in one series, in this order."""

SAME_SPACING = 0.01
"""Pixel spacings within one series may differ by this fraction."""

LONGEST_TITLE = 40


@dataclass(frozen=True, eq=False, slots=True)
class Facts:
    """Facts about one DICOM file, without its pixels.

    Parameters
    ----------
    file : SourceFile
    identity : tuple of str
        Values of `IDENTITY`; empty where missing.
    home : tuple of str
        Folder, series number and description: what is left to go by without a SeriesInstanceUID.
    size : tuple of int
        Rows and columns.
    directions, spacing : tuple of float
        Direction cosines and pixel spacing; empty where unknown.
    positions : tuple of tuple of float
        Position of each frame in mm; empty where one is unknown.
    location : float or None
        SliceLocation, mm.
    order : tuple of int
        Acquisition and instance number, 0 where missing.
    tags : tuple of str
        Values for `SPLITTING`.
    instance : str
        SOPInstanceUID.
    frames : tuple of Frame
        Empty if they are not kept.
    """

    file: SourceFile
    identity: tuple[str, ...]
    home: tuple[str, str, str]
    size: tuple[int, int]
    directions: tuple[float, ...]
    spacing: tuple[float, ...]
    positions: tuple[tuple[float, ...], ...]
    location: float | None
    order: tuple[int, int]
    tags: tuple[str, ...]
    instance: str
    frames: tuple[Frame, ...]

    @property
    def uid(self) -> str:
        """SeriesInstanceUID; empty if missing."""
        return self.identity[-1]

    @property
    def title(self) -> str:
        """Number and description of the series, for people."""
        return " ".join(filter(None, ["series", *self.home[1:]]))

    def lies_like(self, other: Facts) -> bool:
        """Tell whether two files have the same size and, apart from rounding, directions and spacing."""
        if self.size != other.size or len(self.directions) != len(other.directions):
            return False
        turned = (abs(mine - theirs) for mine, theirs in zip(self.directions, other.directions, strict=True))
        return max(turned, default=0.0) <= SAME_DIRECTION and same_spacing(self.spacing, other.spacing)


def same_spacing(one: tuple[float, ...] | None, other: tuple[float, ...] | None) -> bool:
    """Tell whether two pixel spacings are the same apart from rounding; an unknown one may be any."""
    pairs = zip(one or (), other or (), strict=False)
    return all(abs(mine - theirs) <= SAME_SPACING * max(mine, theirs) for mine, theirs in pairs)


def facts_of(file: SourceFile, header: Any, frames: list[Frame], *, keep_frames: bool) -> Facts:
    """Return the facts of a file, given its header and frames."""
    first = frames[0]
    places = [frame.place for frame in frames if frame.place is not None]
    folder = file.path.parent if file.member is None else file.path / PurePosixPath(file.member).parent
    described = "".join(one if one.isprintable() and one not in "/\\" else " " for one in text_of(header, SERIES_NAME))
    acquisition, instance, _ = first.order
    return Facts(
        file,
        tuple(text_of(header, name) for name in IDENTITY),
        (intern(str(folder)), text_of(header, "SeriesNumber"), intern(" ".join(described.split())[:LONGEST_TITLE])),
        (int(header.Rows), int(header.Columns)),
        () if first.place is None else tuple(float(value) for value in first.place.directions.ravel()),
        first.spacing or (),
        tuple(tuple(map(float, place.position)) for place in places) if len(places) == len(frames) else (),
        first.location,
        (acquisition, instance),
        tuple(intern(" ".join(text_of(header, name) for name in names).strip()) for _, names in SPLITTING),
        text_of(header, "SOPInstanceUID"),
        tuple(frames) if keep_frames else (),
    )


SERIES_NAME = "SeriesDescription"


def text_of(header: Any, name: str) -> str:
    """Return an attribute's text; empty if it is missing. It isn't decoded, which takes time and may fail."""
    item = header.get_item(tag_of(name))
    value = None if item is None else item.value
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    elif value is not None and not isinstance(value, str) and hasattr(value, "__iter__"):
        value = "\\".join(map(str, value))
    return intern(str("" if value is None else value).strip(" \0"))


def heights_of(group: list[Facts]) -> tuple[list[tuple[float, ...]], bool]:
    """Return where the frames of each file lie along the patient, and whether this is in mm.

    By position; if that is missing or the same everywhere, by slice location, otherwise by instance number, which is
    no length.
    """
    if all(one.positions for one in group) and group[0].directions:
        directions = np.array(group[0].directions).reshape(2, 3)
        normal = np.cross(directions[0], directions[1])
        heights = [tuple(float(height) for height in np.array(one.positions) @ normal) for one in group]
        if len({height for own in heights for height in own}) > 1 or len(group) == 1:
            return heights, True
    locations = [one.location for one in group if one.location is not None]
    if len(locations) == len(group) and len(set(locations)) > 1:
        return [(location,) for location in locations], True
    return [(float(one.order[1]),) for one in group], False
