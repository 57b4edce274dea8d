"""Read scanner, acquisition and patient from DICOM headers: for cohort tables, never for a prediction."""

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
"""Attributes and their names here. None of them identifies a patient."""

PATIENT = ("PatientID", "IssuerOfPatientID", "PatientBirthDate")
"""Attributes that together identify a patient: a number alone may exist at every hospital."""

NOBODY = frozenset({"", "0", "anon", "anonymous", "anonymized", "anonymised", "none", "n/a", "removed", "unknown"})
"""Placeholders, in lower case, for a removed patient ID."""

_SALT = secrets.token_bytes(16)
"""Salt, new in every process, so that a hash can't be looked up."""


def tags_of(scan: Scan) -> dict[str, str]:
    """Return attributes of a scan's first DICOM header, under the names in `TAGS`; empty for other formats.

    Ages in years become plain numbers (``053Y`` becomes 53). A damaged attribute is left out like a missing one:
    reading has already refused files whose damage affects the picture.
    """
    if not scan.frames:
        return {}
    return {name: text for keyword, name in TAGS.items() if (text := _tidy(name, _text_of(scan, keyword)))}


def identity_of(scan: Scan) -> str:
    """Return a salted hash of the patient in a scan's first DICOM header, or else of its series.

    It only tells whether two scans in one run show the same patient; the identity itself is not stored anywhere.

    Returns
    -------
    str
        Empty for other formats, and where the header has neither.
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
    """Normalise numbers, so that 2.500000 and 2.5 form one group; empty if a number can't be parsed."""
    if name == "age":
        return str(int(text[:-1])) if text.endswith("Y") and text[:-1].isdigit() else text
    if name in ("slice thickness", "tube voltage"):
        try:
            return f"{float(text):g}"
        except ValueError:
            return ""
    return text
