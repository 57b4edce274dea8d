"""What DICOM headers say of scanner, acquisition and patient: for tables of a cohort, never for a prediction."""

from __future__ import annotations

from .dicom_header import pydicom_errors
from .errors import SourceError, explained
from .scan import Scan

TAGS = {
    "Manufacturer": "manufacturer",
    "ManufacturerModelName": "scanner",
    "PatientSex": "sex",
    "PatientAge": "age",
    "SliceThickness": "slice thickness",
    "KVP": "tube voltage",
    "ConvolutionKernel": "kernel",
}
"""Attributes and what they are called here. None of them names a patient."""


def tags_of(scan: Scan) -> dict[str, str]:
    """Return what a scan's first DICOM header says, by the names in `TAGS`; empty for other formats.

    Ages are whole years (``053Y`` becomes 53). A damaged attribute is left out, as one that isn't there: reading has
    already refused files whose damage matters to the picture.
    """
    if not scan.frames:
        return {}
    header, found = scan.frames[0].header, {}
    for keyword, name in TAGS.items():
        try:
            with explained(scan.source, f"has a damaged {keyword}", "Export it again", pydicom_errors()):
                value = header.get(keyword)
                text = "" if value is None else "/".join(map(str, value)) if _is_list(value) else str(value)
        except SourceError:
            continue
        if text := _tidy(name, text.strip()):
            found[name] = text
    return found


def _is_list(value: object) -> bool:
    return not isinstance(value, str) and hasattr(value, "__iter__")


def _tidy(name: str, text: str) -> str:
    """Write numbers as numbers, so that 2.500000 and 2.5 are one group; empty where a number is none."""
    if name == "age":
        return str(int(text[:-1])) if text.endswith("Y") and text[:-1].isdigit() else text
    if name in ("slice thickness", "tube voltage"):
        try:
            return f"{float(text):g}"
        except ValueError:
            return ""
    return text
