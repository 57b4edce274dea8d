"""Read every supported input as one `Scan`, with clear errors for inputs that can't be read."""

from ..common.modality import Modality
from .errors import NotCTError, SourceError
from .folder import DicomSeries, Found, find_sources
from .formats import readable_suffixes
from .grid import Grid
from .limits import Limits
from .reader import read_scan
from .scan import WARNINGS, Intensity, Scan

__all__ = [
    "WARNINGS",
    "DicomSeries",
    "Found",
    "Grid",
    "Intensity",
    "Limits",
    "Modality",
    "NotCTError",
    "Scan",
    "SourceError",
    "find_sources",
    "read_scan",
    "readable_suffixes",
]
