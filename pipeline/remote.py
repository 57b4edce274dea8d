"""Inputs behind URLs, through fsspec: each is fetched to a private folder while it is read."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..sources import SourceError

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True)
class RemoteFile:
    """A file behind a URL that fsspec knows, such as ``s3://bucket/scan.nii.gz``."""

    url: str

    def __str__(self) -> str:
        return self.url

    @contextmanager
    def fetched(self) -> Iterator[Path]:
        """Yield a local copy under its own name; it is gone afterwards.

        Raises
        ------
        SourceError
            When it can't be fetched.
        """
        import fsspec

        with tempfile.TemporaryDirectory(prefix="lungct-") as folder:
            copy = Path(folder) / (Path(urlsplit(self.url).path).name or "input")
            try:
                system, path = fsspec.core.url_to_fs(self.url)
                system.get_file(path, str(copy))
            except (OSError, ValueError, ImportError) as error:
                raise unreachable(self.url, error) from error
            yield copy


def is_url(name: str) -> bool:
    """Tell a URL from a path; a single letter before the colon is a Windows drive."""
    return SCHEME.match(name) is not None


def local_path(name: str) -> str | None:
    """Return the path in a ``file://`` URL; None for others."""
    parts = urlsplit(name)
    return unquote(parts.path) if parts.scheme == "file" and is_url(name) else None


def find_remote(url: str, suffixes: Sequence[str]) -> Iterator[RemoteFile | SourceError]:
    """Yield the files a URL stands for: itself, those below a folder with one of the suffixes, or a pattern's."""
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(url)
        if re.search(r"[*?\[]", path):
            names = [name for name in system.glob(path) if not system.isdir(name)]
        elif system.isdir(path):
            names = [name for name in system.find(path) if name.lower().endswith(tuple(suffixes))]
        else:
            names = [path]
        found = [RemoteFile(system.unstrip_protocol(name)) for name in sorted(names)]
    except (OSError, ValueError, ImportError) as error:
        yield unreachable(url, error)
        return
    yield from found
    if not found:
        yield SourceError(url, "holds no file that can be read", "Check the URL")


def unreachable(url: str, error: Exception) -> SourceError:
    """Return what to say of a URL that fsspec can't open."""
    remedy = "Check the URL and the right to read it"
    if isinstance(error, ImportError):  # fsspec names the package for the protocol
        remedy = "Install that package"
    return SourceError(url, f"can't be fetched ({' '.join(str(error).split()) or type(error).__name__})", remedy)
