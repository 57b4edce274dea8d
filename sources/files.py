"""Define `SourceFile`: a file on disk, or a member of a ZIP archive, which is never unpacked to disk."""

from __future__ import annotations

import io
import threading
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from ..common.forks import in_children
from .errors import SourceError, explained
from .limits import Limits

DAMAGED_ARCHIVE = ("is a damaged ZIP archive", "Make or download it again")

PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Allowed compression methods: only for these does Python unpack no more than it is asked for."""

KINDS = {zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "LZMA"}

DIRECTORY_BYTES = 256
"""Allowed size of an archive's directory per file; an entry contains the file's name."""


class BoundedFile:
    """A file for parsers of untrusted bytes: a length field can't make them read more bytes than the file has.

    Parameters
    ----------
    file : binary file
        Open, at its start.
    name : str
        Name to use in messages.
    longest : int, optional
        Most bytes in one read call.
    reads : int, optional
        Most read calls; parsers need at least one per header element.

    Raises
    ------
    SourceError
        When `longest` or `reads` is exceeded.
    """

    def __init__(self, file: BinaryIO, name: str, longest: int | None = None, reads: int | None = None) -> None:
        self._file = file
        self._size = file.seek(0, io.SEEK_END)
        file.seek(0)
        self.name = name
        self.longest = longest
        self.reads = reads
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, count: int = -1) -> bytes:
        """Return at most `count` bytes; all remaining ones without a count."""
        if self.reads is not None:
            self.reads -= 1
            if self.reads < 0:
                raise SourceError(self.name, "has a header of too many elements", "Export it without private elements")
        left = self._size - self.tell()
        count = left if count is None or count < 0 else min(count, left)
        if self.longest is not None and count > self.longest:
            raise SourceError(self.name, f"has a header of more than {self.longest} bytes", "Make or export it again")
        return self._file.read(count)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> BoundedFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True)
class SourceFile:
    """One file.

    Parameters
    ----------
    path : Path
    member : str, optional
        Name within the archive, if `path` is a ZIP archive.
    content : bytes, optional
        The file itself, if it is in memory; then `path` is only its name.
    """

    path: Path
    member: str | None = None
    content: bytes | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f"{self.path}[{self.member}]"

    def open(self, limits: Limits) -> BinaryIO:
        """Open the file; an archive's member is unpacked into memory.

        Raises
        ------
        SourceError
            When the archive is damaged, or the member is encrypted or too large.
        """
        if self.content is not None:
            return io.BytesIO(self.content)
        if self.member is None:
            return open_bounded(self.path)
        with explained(str(self), *DAMAGED_ARCHIVE), opened_archive(self.path, limits) as archive:
            return io.BytesIO(self._unpack(archive, limits.max_member_bytes))

    def read(self, limits: Limits) -> bytes:
        """Return all bytes; errors as for `open`."""
        with self.open(limits) as opened:
            return opened.read()

    def size(self, limits: Limits) -> int:
        """Return the file's size in bytes; for an archive's member, the size that the archive claims."""
        if self.content is not None:
            return len(self.content)
        if self.member is None:
            return self.path.stat().st_size
        with explained(str(self), *DAMAGED_ARCHIVE), opened_archive(self.path, limits) as archive:
            return archive.getinfo(self.member).file_size

    def _unpack(self, archive: zipfile.ZipFile, limit: int) -> bytes:
        content = self._start(archive, limit + 1)  # the size in the directory can't be trusted
        if len(content) > limit:
            raise SourceError(
                str(self), f"unpacks to more than {limit} bytes", "Unpack the archive, and give the folder"
            )
        return content

    def _start(self, archive: zipfile.ZipFile, count: int) -> bytes:
        """Return the first bytes of a member."""
        info = archive.getinfo(str(self.member))
        if info.flag_bits & 1:
            raise SourceError(str(self), "is locked with a password", "Unpack the archive and give the folder")
        if info.compress_type not in PACKINGS:
            kind = KINDS.get(info.compress_type, "an unknown way")
            raise SourceError(str(self), f"is packed by {kind}", "Pack it as plain ZIP (deflate), or give the folder")
        with archive.open(info) as packed:
            return packed.read(count)

    def head(self, count: int, limits: Limits) -> bytes:
        """Return the first bytes."""
        if self.member is None:
            with self.path.open("rb") as opened:
                return opened.read(count)
        with explained(str(self), *DAMAGED_ARCHIVE), opened_archive(self.path, limits) as archive:
            return self._start(archive, count)


def open_bounded(path: Path) -> BinaryIO:
    """Open a file for a parser; see `BoundedFile`. Not memory-mapped: if the file shrank, the process would crash."""
    return cast(BinaryIO, BoundedFile(path.open("rb"), str(path)))


class _Archives:
    """Archives that are kept open, by path, because opening one reads its whole directory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[Path, tuple[zipfile.ZipFile, ExitStack]] = {}
        self._holders: Counter[Path] = Counter()

    def get(self, path: Path) -> zipfile.ZipFile | None:
        """Return an archive if it is being kept open."""
        with self._lock:
            return self._open[path][0] if path in self._open else None

    @contextmanager
    def holding(self, path: Path, limits: Limits) -> Iterator[None]:
        """Keep an archive open until its last holder releases it."""
        with self._lock:
            if path not in self._open:
                stack = ExitStack()
                self._open[path] = stack.enter_context(_open_archive(path, limits)), stack
            self._holders[path] += 1
        try:
            yield
        finally:
            with self._lock:
                self._holders[path] -= 1
                if not self._holders[path]:
                    self._open.pop(path)[1].close()


_archives = _Archives()


def _forget_archives() -> None:
    """Start afresh in a forked child: it shares file positions with its parent, and a lock copied locked stays so."""
    global _archives
    _archives = _Archives()


in_children(_forget_archives)


@contextmanager
def opened_archive(path: Path, limits: Limits) -> Iterator[zipfile.ZipFile]:
    """Yield an archive: the one that `keeping_open` holds, or else a newly opened one.

    Raises
    ------
    SourceError
        When its directory is larger than the allowed number of files needs.
    zipfile.BadZipFile, OSError
        When it is damaged or can't be opened.
    """
    kept = _archives.get(path)
    if kept is not None:
        yield kept
        return
    with _open_archive(path, limits) as archive:
        yield archive


@contextmanager
def keeping_open(files: Iterable[SourceFile], limits: Limits) -> Iterator[None]:
    """Keep the archives of files open; otherwise, each member costs one read of the whole directory."""
    with ExitStack() as stack:
        for path in {file.path for file in files if file.member is not None}:
            with explained(str(path), *DAMAGED_ARCHIVE):
                stack.enter_context(_archives.holding(path, limits))
        yield


@contextmanager
def _open_archive(path: Path, limits: Limits) -> Iterator[zipfile.ZipFile]:
    with path.open("rb") as file:
        bounded: Any = BoundedFile(file, str(path), longest=65_536 + DIRECTORY_BYTES * limits.max_files)
        with zipfile.ZipFile(bounded) as archive:  # this reads the directory
            bounded.longest = None
            yield archive


def members_of(path: Path, limits: Limits) -> list[SourceFile]:
    """Return the files in a ZIP archive, in the archive's order.

    Raises
    ------
    SourceError
        When the archive is damaged or holds too many files.
    """
    with explained(str(path), *DAMAGED_ARCHIVE), opened_archive(path, limits) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
    limits.check_count(str(path), len(names))
    return [SourceFile(path, name) for name in names]
