"""Expand paths given on the command line to the list of scans to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ...common.modality import Modality
from ...sources import DicomSeries, Limits, NotCTError, SourceError, find_sources

Input = Path | DicomSeries | SourceError
"""A readable source, or the reason why a file in a folder can't be read."""


def list_inputs(paths: Sequence[Path], limits: Limits | None = None, modality: Modality = "ct") -> list[Input]:
    """Return files as given, and each folder or archive replaced by the scans in it and below, sorted by name.

    DICOM files become series, or single X-rays for the modality "xray". Damaged files follow as errors, so that none is
    lost. Intact files that aren't of the modality, such as localizers, are left out if there is something else to read.
    A folder without scans stays in the list; reading it gives the reason.
    """
    return [source for given in paths for source in _expand(given, limits, modality)]


def name_of(source: Input) -> str:
    """Return the path or name of an input."""
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
