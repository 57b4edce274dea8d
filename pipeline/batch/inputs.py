"""Expand paths given on the command line to the list of scans to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...common.modality import Modality
from ...sources import DicomSeries, Limits, NotCTError, SourceError, find_sources
from ...sources.files import SourceFile

Input = Path | DicomSeries | SourceFile | SourceError
"""A readable source, or the reason why a file in a folder can't be read."""


ARCHIVES = (".zip", ".npz")
"""Suffixes of archives, which are searched like folders."""


def list_inputs(
    paths: Sequence[Path],
    limits: Limits | None = None,
    modality: Modality = "ct",
    *,
    left_out: Counter[str] | None = None,
    outside: Path | None = None,
) -> list[Input]:
    """Return files as given, and each folder or archive replaced by the scans in it and below, sorted by name.

    DICOM files become series, or single X-rays for the modality "xray". Damaged files follow as errors, so that none is
    lost. Intact files that aren't of the modality, such as localizers, are left out if there is something else to read.
    A folder without scans stays in the list; reading it gives the reason.

    Parameters
    ----------
    paths : sequence of Path
    limits : Limits, optional
    modality : {"ct", "xray"}
    left_out : Counter, optional
        Gets the number of files of each kind that are in the folders but not in the list.
    outside : Path, optional
        A folder to leave out of searches, because results in it are not inputs.
    """
    counts: Counter[str] = Counter() if left_out is None else left_out
    away = None if outside is None else outside.absolute()
    found = []
    for given in paths:
        for source in _expand(given, limits, modality, counts):
            below = away is not None and Path(name_of(source)).absolute().is_relative_to(away)
            if below and source != given:
                counts["in the folder of results"] += 1
            else:
                found.append(source)
    return found


def name_of(source: Input) -> str:
    """Return the path or name of an input."""
    return source.source if isinstance(source, SourceError) else str(source)


def _expand(given: Path, limits: Limits | None, modality: Modality, counts: Counter[str]) -> Iterator[Input]:
    if not given.is_dir() and given.suffix.lower() not in ARCHIVES:
        yield given
        return
    try:
        found = find_sources(given, limits, modality=modality)
    except SourceError as error:
        yield error
        return
    damaged = [error for error in found.refused if not isinstance(error, NotCTError)]
    if found.sources or damaged:
        counts.update(found.left_out)
    yield from [*found.sources, *damaged] or [given]
