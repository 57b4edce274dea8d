"""Read inputs from URLs through fsspec; each is downloaded to a private folder while it is read."""

from __future__ import annotations

import errno
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from ...sources import SourceError

OURS = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE)
"""Errors of this machine, not of an input."""

MOST_BYTES, MOST_SECONDS, BLOCK = 4 << 30, 900, 1 << 20
"""Largest file to download in bytes, longest time for one in seconds, and size of a block in bytes."""

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True)
class RemoteFile:
    """A file at a URL that fsspec supports, such as ``s3://bucket/scan.nii.gz``."""

    url: str

    def __str__(self) -> str:
        return self.url

    @contextmanager
    def fetched(self, folder: Path | None = None) -> Iterator[Path]:
        """Yield a local copy with the same file name, and delete it afterwards.

        Parameters
        ----------
        folder : Path, optional
            Folder for the copy; by default, the one for temporary files.

        Raises
        ------
        SourceError
            When it can't be downloaded.
        """
        import fsspec

        with tempfile.TemporaryDirectory(prefix="lungct-", dir=folder) as own:
            copy = Path(own) / (Path(urlsplit(self.url).path).name or "input")
            with reached(self.url), fsspec.open(self.url, "rb") as far, copy.open("wb") as near:
                _copy(self.url, far, near)
            yield copy


def _copy(url: str, far: BinaryIO, near: BinaryIO) -> None:
    """Copy a file, unless it is too large or takes too long.

    Raises
    ------
    SourceError
    """
    begun, copied = time.monotonic(), 0
    while block := far.read(BLOCK):
        copied += near.write(block)
        if copied > MOST_BYTES:
            raise SourceError(url, f"is larger than {MOST_BYTES >> 30} GiB", "Check that it is one scan")
        if time.monotonic() - begun > MOST_SECONDS:
            raise SourceError(url, f"took longer than {MOST_SECONDS} s to download", "Download it first, or try later")


def is_url(name: str) -> bool:
    """Tell whether a name is a URL, not a path; a single letter before the colon is a Windows drive."""
    return SCHEME.match(name) is not None


def local_path(name: str) -> str | None:
    """Return the path of a ``file://`` URL; None for other names."""
    parts = urlsplit(name)
    return unquote(parts.path) if parts.scheme == "file" and is_url(name) else None


def find_remote(url: str, suffixes: Sequence[str]) -> Iterator[RemoteFile | SourceError]:
    """Yield the files at a URL: the file itself, files in a folder with one of the suffixes, or a pattern's matches."""
    try:
        with reached(url):
            found = _find(url, tuple(suffixes))
    except SourceError as error:
        yield error
        return
    yield from found
    if not found:
        yield SourceError(url, "has no readable files", "Check the URL")


def _find(url: str, suffixes: tuple[str, ...]) -> list[RemoteFile]:
    import fsspec

    system, path = fsspec.core.url_to_fs(url)
    if re.search(r"[*\[]", path):  # a question mark may begin a query
        names = [name for name, facts in system.glob(path, detail=True).items() if facts["type"] != "directory"]
    elif path.lower().endswith(suffixes):  # avoid a request
        names = [path]
    elif system.isdir(path):
        names = [name for name in system.find(path) if name.lower().endswith(suffixes)]
    else:
        names = [path]
    return [RemoteFile(system.unstrip_protocol(name)) for name in sorted(names)]


@contextmanager
def reached(url: str) -> Iterator[None]:
    """Turn errors in accessing a URL into a `SourceError`; those of this machine, such as a full disk, pass."""
    try:
        yield
    except SourceError:
        raise
    except Exception as error:  # every fsspec backend raises its own errors
        if is_ours(error):
            raise
        raise unreachable(url, error) from error


def is_ours(error: Exception) -> bool:
    """Tell whether an error is this machine's, such as a full disk or too many open files, and not an input's."""
    return isinstance(error, OSError) and error.errno in OURS


def unreachable(url: str, error: Exception) -> SourceError:
    """Return the error for a URL that fsspec can't open."""
    remedy = "Check the URL and your permission to read it"
    if isinstance(error, ImportError):  # fsspec names the package that the protocol needs
        remedy = "Install that package"
    return SourceError(url, f"can't be downloaded ({' '.join(str(error).split()) or type(error).__name__})", remedy)
