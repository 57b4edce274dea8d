"""Paths given on a command line become the list of scans to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ...common.modality import Modality
from ...sources import DicomSeries, Limits, NotCTError, SourceError, find_sources

Input = Path | DicomSeries | SourceError
"""What can be read, or why a file in a folder can't be."""


def list_inputs(paths: Sequence[Path], limits: Limits | None = None, modality: Modality = "ct") -> list[Input]:
    """Return files as given, and in place of each folder or archive the scans in it and below, sorted by name.

    DICOM files become series, or with the modality "xray" single X-rays. Damaged ones follow as errors, so that none is
    lost; what is sound but not of the modality, a localizer say, is left out where there is something to read. An empty
    folder stays in the list: reading it says why.
    """
    return [source for given in paths for source in _expand(given, limits, modality)]


def name_of(source: Input) -> str:
    """Return the path of an input."""
    return source.source if isinstance(source, SourceError) else str(source)


def _expand(given: Path, limits: Limits | None, modality: Modality) -> Iterator[Input]:
    if not given.is_dir() and given.suffix.lower() != ".zip":
        yield given
        return
    try:
        found = find_sources(given, limits, modality=modality)
    except SourceError as error:
        yield error
        return
    damaged = [error for error in found.refused if not isinstance(error, NotCTError)]
    yield from [*found.sources, *damaged] or [given]
