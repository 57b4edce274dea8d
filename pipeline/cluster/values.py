"""Read the inputs in the cells of a user's dataset: paths, URLs, file contents, or arrays."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ...sources import Scan, SourceError, read_scan
from ...sources.formats import HEAD_BYTES, format_of
from ..batch.journal import Row
from ..batch.listing import Item
from ..batch.predictor import read_item
from ..batch.remote import RemoteFile, is_url, local_path
from ..settings import SegmenterSettings

Reader = Callable[[], tuple[Scan | None, Row]]
"""Reads one input; see `lungct.pipeline.batch.predictor.read_item`."""


def reader_of(item: Item, settings: SegmenterSettings) -> Reader:
    """Return a function that reads an item."""
    return partial(read_item, item, settings)


def item_of(value: Any, settings: SegmenterSettings) -> tuple[Item, Reader]:
    """Return the item in a cell, and a function that reads it.

    Parameters
    ----------
    value : str, bytes or array_like
        A path or a URL; the contents of a file; or an array, see `lungct.sources.read_scan`.
    settings : SegmenterSettings
    """
    if isinstance(value, str):
        far = is_url(value) and local_path(value) is None
        item = Item("", RemoteFile(value) if far else Path(local_path(value) or value))
        return item, reader_of(item, settings)
    if isinstance(value, bytes):
        return _unnamed("bytes"), partial(_read_bytes, value, settings)
    return _unnamed("array"), partial(_read, value, "array", settings)


def _unnamed(name: str) -> Item:
    return Item("", SourceError(name, "has no path", "Read it from the dataset"))


def _read_bytes(value: bytes, settings: SegmenterSettings) -> tuple[Scan | None, Row]:
    known = format_of(value[:HEAD_BYTES])
    with tempfile.TemporaryDirectory(prefix="lungct-") as folder:
        copy = Path(folder) / f"input{known.suffixes[0] if known and known.suffixes else ''}"
        copy.write_bytes(value)
        return _read(copy, "bytes", settings)


def _read(source: Any, name: str, settings: SegmenterSettings) -> tuple[Scan | None, Row]:
    try:
        scan = read_scan(source, intensity=settings.intensity)
        scan.check_is(settings.modality)
        return scan, {"source": name}
    except SourceError as error:
        return None, {"source": name, "error": str(SourceError(name, error.problem, error.remedy))}
