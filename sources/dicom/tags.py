"""What DICOM headers say of scanner, acquisition and patient: for tables of a cohort, never for a prediction."""

from __future__ import annotations

import hashlib
import secrets

from ..errors import SourceError, explained
from ..scan import Scan
from .header import pydicom_errors

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

PATIENT = ("PatientID", "IssuerOfPatientID", "PatientBirthDate")
"""Attributes that together name a patient: numbers alone start from 1 at every hospital."""

NOBODY = frozenset({"", "0", "anon", "anonymous", "anonymized", "anonymised", "none", "n/a", "removed", "unknown"})
"""What stands for a patient's number, in small letters, where it was removed."""

_SALT = secrets.token_bytes(16)
"""New in every process, so that nobody can look a hash up."""


def tags_of(scan: Scan) -> dict[str, str]:
    """Return what a scan's first DICOM header says, by the names in `TAGS`; empty for other formats.

    Ages are whole years (``053Y`` becomes 53). A damaged attribute is left out, as one that isn't there: reading has
    already refused files whose damage matters to the picture.
    """
    if not scan.frames:
        return {}
    return {name: text for keyword, name in TAGS.items() if (text := _tidy(name, _text_of(scan, keyword)))}


def identity_of(scan: Scan) -> str:
    """Return a salted hash of the patient a scan's first DICOM header names, else of its series.

    It only tells whether two scans of one run are of the same patient; the names themselves are kept nowhere.

    Returns
    -------
    str
        Empty for other formats, and where the header names neither.
    """
    if not scan.frames:
        return ""
    patient = [_text_of(scan, keyword) for keyword in PATIENT]
    named = patient if patient[0].lower() not in NOBODY else [_text_of(scan, "SeriesInstanceUID")]
    return hashlib.blake2b("\n".join(named).encode(), key=_SALT, digest_size=16).hexdigest() if any(named) else ""


def _text_of(scan: Scan, keyword: str) -> str:
    try:
        with explained(scan.source, f"has a damaged {keyword}", "Export it again", pydicom_errors()):
            value = scan.frames[0].header.get(keyword)
            return ("" if value is None else "/".join(map(str, value)) if _is_list(value) else str(value)).strip()
    except SourceError:
        return ""


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
