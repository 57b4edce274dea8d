"""`SourceFile`: a file on disk, or a member of a ZIP archive, which is never unpacked to disk."""

from __future__ import annotations

import io
import mmap
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from .errors import SourceError, explained
from .limits import Limits

DAMAGED_ARCHIVE = ("is a damaged ZIP archive", "Make or download it again")


@dataclass(frozen=True)
class SourceFile:
    """One file.

    Parameters
    ----------
    path : Path
    member : str, optional
        Name inside, where `path` is a ZIP archive.
    """

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f"{self.path}[{self.member}]"

    def open(self, limits: Limits) -> BinaryIO:
        """Open the file; a member of an archive is unpacked into memory, whatever its name says.

        Raises
        ------
        SourceError
            When the archive is damaged, or its member locked or too large.
        """
        if self.member is None:
            return open_mapped(self.path)
        with explained(str(self), *DAMAGED_ARCHIVE), zipfile.ZipFile(self.path) as archive:
            return io.BytesIO(self._unpack(archive, limits.max_member_bytes))

    def size(self) -> int:
        """Return the file's size in bytes; that of an archive's member as the archive says."""
        if self.member is None:
            return self.path.stat().st_size
        with explained(str(self), *DAMAGED_ARCHIVE), zipfile.ZipFile(self.path) as archive:
            return archive.getinfo(self.member).file_size

    def _unpack(self, archive: zipfile.ZipFile, limit: int) -> bytes:
        content = self._start(archive, limit + 1)  # what the directory says of the size is not to be trusted
        if len(content) > limit:
            raise SourceError(
                str(self), f"unpacks to more than {limit} bytes", "Unpack it, or raise the limit (Limits)"
            )
        return content

    def _start(self, archive: zipfile.ZipFile, count: int) -> bytes:
        """Return the first bytes of a member."""
        info = archive.getinfo(str(self.member))
        if info.flag_bits & 1:
            raise SourceError(str(self), "is locked with a password", "Unpack the archive and give the folder")
        with archive.open(info) as packed:
            return packed.read(count)

    def head(self, count: int) -> bytes:
        """Return the first bytes."""
        if self.member is None:
            with self.path.open("rb") as opened:
                return opened.read(count)
        with explained(str(self), *DAMAGED_ARCHIVE), zipfile.ZipFile(self.path) as archive:
            return self._start(archive, count)


def open_mapped(path: Path) -> BinaryIO:
    """Open a file mapped into memory: a damaged length in it can't ask for more bytes than there are.

    A plain file would set all of them aside before it reads.
    """
    with path.open("rb") as file:
        return cast(BinaryIO, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def members_of(path: Path, limits: Limits) -> list[SourceFile]:
    """Return the files in a ZIP archive, in its order.

    Raises
    ------
    SourceError
        When the archive is damaged or holds too many files.
    """
    with explained(str(path), *DAMAGED_ARCHIVE), zipfile.ZipFile(path) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
    limits.check_count(str(path), len(names))
    return [SourceFile(path, name) for name in names]
