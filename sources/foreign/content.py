"""Read a file of which only the bytes are at hand: an archive's member, a file object, bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from ..dicom.series import read_dicom
from ..errors import SourceError
from ..files import SourceFile
from ..formats import HEAD_BYTES, find_reader, format_of
from ..options import ReadOptions
from ..scan import Scan
from .memory import MemoryFile


def read_content(name: str, content: bytes, options: ReadOptions) -> Scan:
    """Read the content of one file; without a suffix in the name, the content alone says what it is.

    Raises
    ------
    SourceError
        As for a file on disk; also for an archive, and for a header whose pixels are in another file.
    """
    if not content:
        raise SourceError(name, "is empty", "Copy or export it again")
    found = format_of(content[:HEAD_BYTES])
    if found is not None and found.name == "ZIP":
        raise SourceError(name, "is an archive in memory or in another archive", "Unpack it, and give the folder")
    if found is not None and found.name == "DICOM":
        return read_dicom([SourceFile(Path(name), content=content)], options, name)
    file: Any = MemoryFile(name, content)
    known = found is not None and found.read is not None and not file.suffix
    read = found.read if known and found is not None else find_reader(cast(Path, file), content[:HEAD_BYTES])
    if read is None:  # find_reader has refused it
        raise SourceError(name, "is not a scan", "Unpack it")
    return read(cast(Path, file), options)
