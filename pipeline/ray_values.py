"""What a cell of a user's own dataset holds, a path, a URL, the content of a file or an array, and how it is read."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ..sources import Intensity, Modality, Scan, SourceError, read_scan
from ..sources.formats import HEAD_BYTES, format_of
from .batch import read_item
from .listing import Item
from .remote import RemoteFile, is_url, local_path
from .store import Row

Reader = Callable[[], tuple[Scan | None, Row]]
"""Reads one input: see `lungct.pipeline.batch.read_item`."""


def reader_of(item: Item, intensity: Intensity | None, modality: Modality = "ct") -> Reader:
    """Return what reads an item."""
    return partial(read_item, item, intensity, modality=modality)


def item_of(value: Any, intensity: Intensity | None) -> tuple[Item, Reader]:
    """Return the item that a cell stands for, and what reads it.

    Parameters
    ----------
    value : str, bytes or array_like
        A path or a URL; the content of a file; an array, see `lungct.sources.read_scan`.
    intensity : {"hu", "display"}, optional
    """
    if isinstance(value, str):
        far = is_url(value) and local_path(value) is None
        item = Item("", RemoteFile(value) if far else Path(local_path(value) or value))
        return item, reader_of(item, intensity)
    if isinstance(value, bytes):
        return _unnamed("bytes"), partial(_read_bytes, value, intensity)
    return _unnamed("array"), partial(_read, value, "array", intensity)


def _unnamed(name: str) -> Item:
    return Item("", SourceError(name, "has no path", "Read it where it is held"))


def _read_bytes(value: bytes, intensity: Intensity | None) -> tuple[Scan | None, Row]:
    known = format_of(value[:HEAD_BYTES])
    with tempfile.TemporaryDirectory(prefix="lungct-") as folder:
        copy = Path(folder) / f"input{known.suffixes[0] if known and known.suffixes else ''}"
        copy.write_bytes(value)
        return _read(copy, "bytes", intensity)


def _read(source: Any, name: str, intensity: Intensity | None) -> tuple[Scan | None, Row]:
    try:
        scan = read_scan(source, intensity=intensity)
        scan.check_is("ct")
        return scan, {"source": name}
    except SourceError as error:
        return None, {"source": name, "error": str(SourceError(name, error.problem, error.remedy))}
