"""Define `MemoryFile`, which readers take in place of a path: a file of which only the bytes are at hand."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import BinaryIO


@dataclass(frozen=True)
class MemoryFile:
    """A file in memory, with those methods of a path that readers use. It has no folder, so nothing is beside it.

    Parameters
    ----------
    title : str
        Name to use in messages.
    content : bytes
    """

    title: str
    content: bytes = field(repr=False)

    def __str__(self) -> str:
        return self.title

    @property
    def name(self) -> str:
        """The last part of the title; of an archive's member, ``scans.zip[a/b.nii]``, that of the member."""
        return PurePosixPath(self.title.replace("\\", "/").removesuffix("]").rpartition("[")[2]).name

    @property
    def suffix(self) -> str:
        """The suffix of the name."""
        return PurePosixPath(self.name).suffix

    def open(self, _mode: str = "rb") -> BinaryIO:
        """Open it at its start."""
        return io.BytesIO(self.content)

    def read_bytes(self) -> bytes:
        """Return all bytes."""
        return self.content

    def stat(self) -> SimpleNamespace:
        """Return the size, under the name that `os.stat` gives it."""
        return SimpleNamespace(st_size=len(self.content))


def in_memory(path: object) -> bool:
    """Tell whether what a reader got as its path is a file in memory."""
    return isinstance(path, MemoryFile)
