"""Paths given on a command line become the list of scans to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..sources import DicomSeries, SourceError, find_sources


def list_inputs(paths: Sequence[Path]) -> list[Path | DicomSeries]:
    """Return files as given, and in place of each folder or archive the scans in it and below, sorted by name.

    DICOM files become series. What can't be read, an empty folder too, stays in the list: reading it says why.
    """
    return [source for given in paths for source in _expand(given)]


def _expand(given: Path) -> Iterator[Path | DicomSeries]:
    if not given.is_dir() and given.suffix.lower() != ".zip":
        yield given
        return
    try:
        found = find_sources(given)
    except SourceError:
        yield given
        return
    yield from found.sources or [given]
