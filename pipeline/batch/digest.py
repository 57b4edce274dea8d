"""Compute checksums of inputs, to record what a result was made from."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

from ...sources import DicomSeries, Limits
from ...sources.files import SourceFile
from ...sources.formats import pixels_beside


def digest(source: Path | DicomSeries | SourceFile, limits: Limits) -> str:
    """Return the SHA-256 of a file; for several files, that of their sorted checksums, one per line.

    Raises
    ------
    SourceError, OSError
        When a file can't be read.
    """
    files = source.files if isinstance(source, DicomSeries) else _files(source)
    own = []
    for file in files:
        with file.open(limits) as opened:
            own.append(_sha256(opened))
    return own[0] if len(own) == 1 else digest_of(own)


def digest_of(parts: list[str]) -> str:
    """Return the SHA-256 of strings, independent of their order."""
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()


def _sha256(opened: BinaryIO) -> str:
    found = hashlib.sha256()
    while block := opened.read(1 << 20):
        found.update(block)
    return found.hexdigest()


def _files(path: Path | SourceFile) -> list[SourceFile]:
    if isinstance(path, SourceFile):
        return [path]
    if path.is_dir():
        return [SourceFile(file) for file in path.rglob("*") if file.is_file()]
    return [SourceFile(part) for part in (path, pixels_beside(path)) if part is not None]
