"""Every input turned into one `Scan`, with clear errors for what can't be read."""

from .errors import SourceError
from .formats import readable_suffixes
from .reader import read_scan
from .scan import Intensity, Scan

__all__ = ["Intensity", "Scan", "SourceError", "read_scan", "readable_suffixes"]
