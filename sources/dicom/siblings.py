"""Notice that a file given alone has other slices of its series beside it."""

from __future__ import annotations

import os
from bisect import bisect_left
from functools import lru_cache
from pathlib import Path
from typing import Any

from .facts import text_of

HEAD_BYTES = 16_384
"""Where to look for the SeriesInstanceUID of a neighbour, which comes early in a file."""

LEAST_UID = 10
"""Shorter texts are no unique identifiers, and might be found by chance."""


def is_part_of_series(path: Path, header: Any) -> bool:
    """Tell whether the file before or after this one, by name, has the same SeriesInstanceUID.

    Only these two are opened, and only their first bytes, so that a million files given one by one stay quick.
    """
    uid = text_of(header, "SeriesInstanceUID").encode(errors="replace")
    if len(uid) < LEAST_UID or int(header.get("NumberOfFrames") or 1) > 1:
        return False
    try:
        folder = path.absolute().parent
        names = _names_in(folder, folder.stat().st_mtime_ns)
        at = bisect_left(names, path.name)
        beside = [name for name in (*names[max(0, at - 1) : at], *names[at + 1 : at + 2]) if name != path.name]
        return any(_starts_with(folder / name, uid) for name in beside)
    except OSError:
        return False


@lru_cache(maxsize=8)
def _names_in(folder: Path, _changed: int) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_file())


def _starts_with(path: Path, uid: bytes) -> bool:
    with path.open("rb") as file:
        return uid in file.read(HEAD_BYTES)
