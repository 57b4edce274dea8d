"""Inputs behind URLs, through fsspec: each is fetched to a private folder while it is read."""

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
"""Errors that no input is to blame for."""

MOST_BYTES, MOST_SECONDS, BLOCK = 4 << 30, 900, 1 << 20
"""Largest file that is fetched, longest time for one, and how much is fetched at once, bytes."""

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True)
class RemoteFile:
    """A file behind a URL that fsspec knows, such as ``s3://bucket/scan.nii.gz``."""

    url: str

    def __str__(self) -> str:
        return self.url

    @contextmanager
    def fetched(self, folder: Path | None = None) -> Iterator[Path]:
        """Yield a local copy under its own name; it is gone afterwards.

        Parameters
        ----------
        folder : Path, optional
            To fetch into; by default that for temporary files.

        Raises
        ------
        SourceError
            When it can't be fetched.
        """
        import fsspec

        with tempfile.TemporaryDirectory(prefix="lungct-", dir=folder) as own:
            copy = Path(own) / (Path(urlsplit(self.url).path).name or "input")
            with reached(self.url), fsspec.open(self.url, "rb") as far, copy.open("wb") as near:
                _copy(self.url, far, near)
            yield copy


def _copy(url: str, far: BinaryIO, near: BinaryIO) -> None:
    """Copy a file, as long as it is neither too large nor too slow.

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
            raise SourceError(url, f"took longer than {MOST_SECONDS} s to fetch", "Copy it here first, or try later")


def is_url(name: str) -> bool:
    """Tell a URL from a path; a single letter before the colon is a Windows drive."""
    return SCHEME.match(name) is not None


def local_path(name: str) -> str | None:
    """Return the path in a ``file://`` URL; None for others."""
    parts = urlsplit(name)
    return unquote(parts.path) if parts.scheme == "file" and is_url(name) else None


def find_remote(url: str, suffixes: Sequence[str]) -> Iterator[RemoteFile | SourceError]:
    """Yield the files a URL stands for: itself, those below a folder with one of the suffixes, or a pattern's."""
    try:
        with reached(url):
            found = _find(url, tuple(suffixes))
    except SourceError as error:
        yield error
        return
    yield from found
    if not found:
        yield SourceError(url, "holds no file that can be read", "Check the URL")


def _find(url: str, suffixes: tuple[str, ...]) -> list[RemoteFile]:
    import fsspec

    system, path = fsspec.core.url_to_fs(url)
    if re.search(r"[*\[]", path):  # a question mark may begin a query
        names = [name for name, facts in system.glob(path, detail=True).items() if facts["type"] != "directory"]
    elif path.lower().endswith(suffixes):  # asking costs a request
        names = [path]
    elif system.isdir(path):
        names = [name for name in system.find(path) if name.lower().endswith(suffixes)]
    else:
        names = [path]
    return [RemoteFile(system.unstrip_protocol(name)) for name in sorted(names)]


@contextmanager
def reached(url: str) -> Iterator[None]:
    """Turn what goes wrong on the way to a URL into a `SourceError`; a full disk here stays what it is."""
    try:
        yield
    except SourceError:
        raise
    except Exception as error:  # every system behind fsspec raises errors of its own
        if is_ours(error):
            raise
        raise unreachable(url, error) from error


def is_ours(error: Exception) -> bool:
    """Tell a failure of this machine, a full disk or too many open files, from one of an input."""
    return isinstance(error, OSError) and error.errno in OURS


def unreachable(url: str, error: Exception) -> SourceError:
    """Return what to say of a URL that fsspec can't open."""
    remedy = "Check the URL and the right to read it"
    if isinstance(error, ImportError):  # fsspec names the package for the protocol
        remedy = "Install that package"
    return SourceError(url, f"can't be fetched ({' '.join(str(error).split()) or type(error).__name__})", remedy)
