"""Paths given on a command line become the list of files to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..sources import readable_suffixes


def list_inputs(paths: Sequence[Path]) -> list[Path]:
    """Return files as given, and in place of each folder the readable files in it and below, sorted by name.

    What can't be read, an empty folder too, stays in the list: reading it says why.
    """
    return [path for given in paths for path in _expand(given)]


def _expand(given: Path) -> Iterator[Path]:
    found = sorted(path for path in given.rglob("*") if _is_readable(path)) if given.is_dir() else []
    yield from found or [given]


def _is_readable(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in readable_suffixes()
