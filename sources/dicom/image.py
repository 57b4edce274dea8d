"""Read DICOM images through pydicom: recognise CT slices, and get each one's position and pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..cell import CELLS
from ..errors import NotCTError, SourceError, explained
from ..files import SourceFile
from ..limits import Limits
from ..scan import USE, XRAY_MODALITIES
from .decoding import ANSWER, bytes_of_frame
from .header import contradicts_syntax, is_compressed, pydicom_errors, syntax_of, whole_of
from .window import Window

ITEM = b"\xfe\xff\x00\xe0"
"""Tag at the start of compressed pixels (PS3.5 A.4)."""

SAME_DIRECTION = 0.02
"""Largest difference between the direction cosines of slices in one series."""


@dataclass(frozen=True, eq=False)
class Place:
    """Where a slice lies in the patient.

    Parameters
    ----------
    position : ndarray of float64, shape (3,)
        Centre of the first pixel in mm: towards the patient's left, back and head.
    directions : ndarray of float64, shape (2, 3)
        Unit vectors along a row, and down a column.
    """

    position: NDArray[np.float64]
    directions: NDArray[np.float64]

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector across the slice."""
        return np.cross(self.directions[0], self.directions[1])

    def beyond(self, other: Place) -> float:
        """Return the distance of this slice from another's plane, mm."""
        return float((self.position - other.position) @ other.normal)


@dataclass(frozen=True, eq=False)
class Frame:
    """One slice of a DICOM file.

    Parameters
    ----------
    file : SourceFile
    header : pydicom.Dataset
        The whole file's header, without pixels.
    index : int
        Index of the frame in a multi-frame file, from 0.
    place : Place or None
    spacing : tuple of float or None
        Distance between rows and between columns, mm.
    thickness : float or None
        Slice thickness, mm; None where unknown.
    location : float or None
        SliceLocation of the file, mm; None where unknown, and for a file of several frames.
    rescale : tuple of float or None
        Slope and intercept to Hounsfield units.
    window : Window or None
        Window for display; None if the tags give no usable one.
    """

    file: SourceFile
    header: Any
    index: int
    place: Place | None
    spacing: tuple[float, float] | None
    thickness: float | None
    location: float | None
    rescale: tuple[float, float] | None
    window: Window | None

    @property
    def order(self) -> tuple[int, int, int]:
        """Sort key within the acquisition, used where positions are missing."""
        return int(self.header.get("AcquisitionNumber") or 0), int(self.header.get("InstanceNumber") or 0), self.index


def check_is_ct(file: SourceFile, header: Any) -> None:
    """Refuse a file that is not a CT slice.

    Raises
    ------
    NotCTError
        Says what the file is instead.
    SourceError
        For a CT file without an image.
    """
    modality = str(header.get("Modality") or "unknown")
    reason = _reason(header, modality)
    if reason:
        raise NotCTError(str(file), *reason, kind=modality if modality != "CT" else "CT that is no axial slice")
    if not header.get("Rows") or not header.get("Columns"):
        raise SourceError(str(file), "is a DICOM file of modality CT without an image", "Copy or export it again")


def _reason(header: Any, modality: str) -> tuple[str, str] | None:
    """Return what an intact DICOM file is instead of a CT slice, and the remedy; None for CT."""
    kinds = str(header.get("ImageType") or "").upper()
    give_slices = "Give the CT slices themselves"
    if "DirectoryRecordSequence" in header:
        return "is a DICOMDIR, an index of other files", "Give the folder it is in"
    if modality in XRAY_MODALITIES:
        return f"is an X-ray (DICOM modality {modality}), not CT", USE["xray"]
    if modality != "CT":
        what = "image" if header.get("Rows") else "file without an image,"
        return f"is a DICOM {what} of modality {modality}, not CT", give_slices
    if any(kind in kinds for kind in ("LOCALIZER", "SCOUT", "TOPOGRAM")):
        return "is a localizer, the overview for planning a scan", "Give the axial slices of the study"
    if "SCREEN SAVE" in kinds:
        return "is a picture of a screen, not a CT slice", give_slices
    colours = str(header.get("PhotometricInterpretation") or "MONOCHROME2")
    if int(header.get("SamplesPerPixel") or 1) != 1 or not colours.startswith("MONOCHROME"):
        return "is a colour picture saved as CT, such as a screenshot or a dose report", give_slices
    return None


def frames_of(file: SourceFile, header: Any, limits: Limits) -> list[Frame]:
    """Return the slices of a CT file; most files hold one.

    Raises
    ------
    SourceError
        When a slice is not axial, the file is damaged, or too large.
    """
    with explained(str(file), "is a damaged DICOM file", "Copy or export it again"):
        count = int(header.get("NumberOfFrames") or 1)
        limits.check_shape(str(file), (count, int(header.Rows), int(header.Columns)))
        _check_bits(file, header)
        if count > 1:
            _check_count(file, header, count, limits)
        groups = header.get("PerFrameFunctionalGroupsSequence")
        if groups and len(groups) != count:
            raise SourceError(
                str(file), f"says it has {count} frames but gives positions for {len(groups)}", "Export it again"
            )
        frames = [_frame(file, header, index) for index in range(count)]
    for frame in frames:
        across = 2 if frame.place is None else int(np.argmax(np.abs(frame.place.normal)))
        if across != 2:
            plane = ("sagittal", "coronal")[across]
            raise NotCTError(str(file), f"is a {plane} slice, not axial", "Give the axial series of the study")
    return frames


def _check_bits(file: SourceFile, header: Any) -> None:
    """Refuse contradictory numbers of bits, because they leave open which bits are the value (PS3.5 8.1.1)."""
    allocated, stored, high = (header.get(name) for name in ("BitsAllocated", "BitsStored", "HighBit"))
    stored = stored if stored is not None else allocated
    if None in (allocated, stored):
        return
    if not 0 < int(stored) <= int(allocated) or (high is not None and int(high) != int(stored) - 1):
        raise SourceError(
            str(file),
            f"contradicts itself about its pixels: BitsAllocated {allocated}, BitsStored {stored}, HighBit {high}",
            "Export it again; HighBit must be BitsStored - 1",
        )


def _check_count(file: SourceFile, header: Any, count: int, limits: Limits) -> None:
    """Refuse a header that claims more frames than fit into the file."""
    syntax = syntax_of(header)
    packed = syntax is not None and (syntax.is_compressed or syntax.is_deflated)
    least = 1 if packed else int(header.Rows) * int(header.Columns) * int(header.get("BitsAllocated") or 16) // 8
    if count * least > file.size(limits):
        raise SourceError(str(file), f"says it holds {count} frames, more than it has room for", "Export it again")


def _frame(file: SourceFile, header: Any, index: int) -> Frame:
    def found(name: str, sequence: str) -> Any:
        """Return an attribute of the frame; in an enhanced file it is in a functional group."""
        for groups in _functional_groups(header, index):
            inner = groups.get(sequence)
            if inner and inner[0].get(name) is not None:
                return inner[0].get(name)
        return header.get(name)

    directions = _numbers(found("ImageOrientationPatient", "PlaneOrientationSequence"), 6)
    position = _numbers(found("ImagePositionPatient", "PlanePositionSequence"), 3)
    spacing = _numbers(found("PixelSpacing", "PixelMeasuresSequence"), 2)
    said = found("RescaleSlope", "PixelValueTransformationSequence")
    slope = np.ones(1) if said is None or said == "" else _numbers(said, 1)  # beside an intercept, none means 1
    intercept = _numbers(found("RescaleIntercept", "PixelValueTransformationSequence"), 1)
    center = _numbers(found("WindowCenter", "FrameVOILUTSequence"), None)
    width = _numbers(found("WindowWidth", "FrameVOILUTSequence"), None)
    function = str(found("VOILUTFunction", "FrameVOILUTSequence") or "LINEAR").upper()
    window = None if center is None or width is None else Window(float(center[0]), float(width[0]), function)
    own_place_missing = int(header.get("NumberOfFrames") or 1) > 1 and not _functional_groups(header, index)
    thickness = _numbers(found("SliceThickness", "PixelMeasuresSequence"), 1)
    location = _numbers(header.get("SliceLocation"), 1) if int(header.get("NumberOfFrames") or 1) == 1 else None
    return Frame(
        file,
        header,
        index,
        # If all frames share one position, their real positions are unknown.
        place=None if own_place_missing else _place(position, directions),
        spacing=(float(spacing[0]), float(spacing[1])) if spacing is not None and (spacing > 0).all() else None,
        thickness=float(thickness[0]) if thickness is not None and thickness[0] > 0 else None,
        location=None if location is None else float(location[0]),
        rescale=(float(slope[0]), float(intercept[0])) if slope is not None and intercept is not None else None,
        window=window if window and window.shows else None,
    )


def _place(position: NDArray[np.float64] | None, directions: NDArray[np.float64] | None) -> Place | None:
    """Return a place if both are given and the two directions are perpendicular, otherwise None."""
    if position is None or directions is None:
        return None
    place = Place(position, directions.reshape(2, 3))
    return place if abs(np.linalg.norm(place.normal) - 1) < 0.05 else None


def _functional_groups(header: Any, index: int) -> list[Any]:
    """Return one frame's groups of attributes: its own, then those shared by all frames."""
    own, shared = header.get("PerFrameFunctionalGroupsSequence"), header.get("SharedFunctionalGroupsSequence")
    return [*([own[index]] if own and index < len(own) else []), *(shared[:1] if shared else [])]


def _numbers(value: Any, count: int | None) -> NDArray[np.float64] | None:
    """Return an attribute's finite numbers; None if it is missing or empty, or their count is wrong."""
    if value is None or value == "":
        return None
    numbers = np.atleast_1d(np.asarray(value, dtype=np.float64))
    return numbers if numbers.size == (count or numbers.size) > 0 and np.isfinite(numbers).all() else None


def stored_values(frames: Sequence[Frame], limits: Limits) -> Iterator[NDArray[Any]]:
    """Yield the stored pixels of frames, (rows, columns).

    Consecutive frames of one file share one opening of it.

    Raises
    ------
    SourceError
        When the pixels are damaged, missing, or compressed in an unsupported way.
    """
    for file, together in groupby(frames, key=lambda frame: frame.file):
        problem = ("has pixels that can't be decoded", "Export it again, uncompressed if need be", pydicom_errors())
        own = list(together)
        with (
            explained(str(file), *problem),
            file.open(limits) as opened,
            _decoder(file, opened, own[0].header, limits) as decode,
        ):
            for frame in own:
                values = np.asarray(decode(index=frame.index))
                if values.shape != (int(frame.header.Rows), int(frame.header.Columns)):
                    raise SourceError(
                        str(file), f"has pixels of shape {values.shape}, unlike its header", "Export it again"
                    )
                if (
                    values.size > 1
                    and values.ravel()[:2].tobytes().startswith(ITEM)
                    and not is_compressed(frame.header)
                ):
                    raise SourceError(
                        str(file), "has compressed pixels, but its transfer syntax says they are not", "Export it again"
                    )
                yield values


@contextmanager
def _decoder(file: SourceFile, opened: BinaryIO, header: Any, limits: Limits) -> Iterator[Callable[..., NDArray[Any]]]:
    """Yield a function that decodes a frame of an opened file, given its ``index``."""
    from pydicom.pixels.utils import pixel_array

    syntax = syntax_of(header)
    if is_compressed(header):
        with CELLS.holding(ANSWER, opened.read(), bytes_of_frame(header)) as ask:
            yield ask
    elif syntax is None or syntax.is_deflated or contradicts_syntax(header):
        yield partial(pixel_array, whole_of(file, opened, limits))
    else:
        yield partial(pixel_array, opened)
