"""Read DICOM chest X-rays, digital (DX) or from imaging plates (CR), as display grey.

PS3.3 C.11 defines what a screen shows: apply the modality LUT or rescaling, then the VOI LUT or window, then invert
black and white if the photometric interpretation is MONOCHROME1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import array_to_scan
from ..errors import NotCTError, SourceError, explained
from ..files import SourceFile
from ..options import ReadOptions
from ..scan import USE, XRAY_MODALITIES, Scan
from .header import pydicom_errors, read_header, syntax_of
from .image import Frame, frames_of, stored_values
from .padding import padding_of

LATERAL_VIEWS = ("LL", "RL", "LATERAL", "LAT")
"""Values of ViewPosition for lateral views."""

OTHER_PARTS = (
    "ABDOMEN", "ANKLE", "ARM", "ELBOW", "EXTREMITY", "FEMUR", "FINGER", "FOOT", "FOREARM", "HAND", "HEAD", "HIP",
    "HUMERUS", "JAW", "KNEE", "LEG", "PELVIS", "SKULL", "TOE", "WRIST",
)  # fmt: skip
"""Values of BodyPartExamined without lungs. It is often empty, so only these are refused."""

GIVE_FRONTAL = "Give the frontal view of the chest, postero-anterior (PA) or antero-posterior (AP)"


def is_radiograph(header: Any) -> bool:
    """Tell whether a DICOM header belongs to a projection X-ray."""
    return str(header.get("Modality") or "") in XRAY_MODALITIES


def check_is_frontal_xray(file: SourceFile, header: Any) -> None:
    """Refuse a file that is not a frontal X-ray.

    Raises
    ------
    NotCTError
        Says what the file is instead.
    SourceError
        For an X-ray without an image.
    """
    modality = str(header.get("Modality") or "unknown")
    reason = _reason(header, modality)
    if reason:
        raise NotCTError(str(file), *reason)
    if not header.get("Rows") or not header.get("Columns"):
        raise SourceError(str(file), f"is a DICOM file of modality {modality} without an image", "Export it again")


def _reason(header: Any, modality: str) -> tuple[str, str] | None:
    if not is_radiograph(header):
        remedy = USE["ct"] if modality == "CT" else "Give DICOM images of modality DX or CR"
        return f"is of modality {modality}, not an X-ray", remedy
    view = str(header.get("ViewPosition") or "").upper()
    along_rows = str((header.get("PatientOrientation") or [""])[0]).upper()
    if view in LATERAL_VIEWS or along_rows[:1] in ("A", "P"):  # rows that run from the back to the front
        return f"is a lateral X-ray{f' (view {view})' if view else ''}, not a frontal one", GIVE_FRONTAL
    part = str(header.get("BodyPartExamined") or "").upper()
    if part in OTHER_PARTS:
        return f"is an X-ray of another part of the body ({part})", GIVE_FRONTAL
    if int(header.get("NumberOfFrames") or 1) > 1:
        return f"holds {header.NumberOfFrames} X-ray frames (a cine loop)", "Give single X-rays"
    colours = str(header.get("PhotometricInterpretation") or "MONOCHROME2")
    if int(header.get("SamplesPerPixel") or 1) != 1 or not colours.startswith("MONOCHROME"):
        return "is a colour picture saved as an X-ray, such as a screenshot", "Give the X-ray itself"
    return None


def read_radiograph(file: SourceFile, options: ReadOptions, header: Any = None) -> Scan:
    """Read one X-ray as a scan of one slice, grey in [0, 1], bone white.

    The orientation is the file's. Without a calibrated PixelSpacing, the spacing is that at the detector, not corrected
    for magnification.

    Parameters
    ----------
    file : SourceFile
    options : ReadOptions
        Their intensity is ignored: X-rays have no Hounsfield units.
    header : pydicom.Dataset, optional
        The file's header, if already read.

    Raises
    ------
    SourceError
        When the file is damaged, is not a frontal X-ray, or has one value everywhere.
    """
    name = str(file)
    header = header or read_header(file, options.limits)
    check_is_frontal_xray(file, header)
    (frame,) = frames_of(file, header, options.limits)
    (stored,) = stored_values([frame], options.limits)
    with explained(name, "has damaged lookup tables", "Export it again", pydicom_errors()):
        shown = _as_shown(stored, frame)
    scan = array_to_scan(shown, ReadOptions("display", None, options.limits), source=name, own=True)
    spacing = _spacing(header)
    syntax = syntax_of(header)
    return Scan(
        scan.pixels,
        "display",
        spacing=None if spacing is None else (1.0, *spacing),
        source=name,
        metadata={
            "format": "DICOM",
            "modality": str(header.Modality),
            "view": str(header.get("ViewPosition") or "unknown"),
            "transfer_syntax": syntax.name if syntax else "none",
            "intensity_guessed": False,
        },
        frames=(frame,),
    )


def _as_shown(stored: NDArray[Any], frame: Frame) -> NDArray[np.float32]:
    """Return grey as a screen shows it, with padding as dark as the darkest pixel."""
    from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

    values = apply_modality_lut(stored, frame.header)
    if "VOILUTSequence" in frame.header:  # a table is looked up by whole numbers
        values = np.rint(values).astype(np.int32)
    if "VOILUTSequence" in frame.header or frame.window is not None:
        values = apply_voi_lut(values, frame.header)
    shown = np.asarray(values, dtype=np.float32)
    if str(frame.header.get("PhotometricInterpretation")) == "MONOCHROME1":
        shown = -shown
    outside = padding_of(frame, stored)
    if outside.any() and not outside.all():
        shown = np.where(outside, shown[~outside].min(), shown)
    low, high = shown.min(), shown.max()
    if not high > low:
        raise SourceError(str(frame.file), "has the same grey everywhere", "Export it again")
    return np.asarray((shown - low) / (high - low), dtype=np.float32)


def _spacing(header: Any) -> tuple[float, float] | None:
    """Return the distances between rows and between columns, mm."""
    for name in ("PixelSpacing", "ImagerPixelSpacing"):
        value = header.get(name)
        if value is not None and len(value) == 2 and min(map(float, value)) > 0:
            return float(value[0]), float(value[1])
    return None
