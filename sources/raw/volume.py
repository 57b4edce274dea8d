"""Turn a text header and its pixels, in the same file or a separate one, into a `Scan`."""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError, explained
from ..foreign.memory import in_memory
from ..options import ReadOptions
from ..scan import Scan
from ..volumes import volume_to_scan
from .header import HEADER_BYTES, Header, shown
from .pixels import Pixels, read_pixels

DAMAGED = ("is damaged or cut off", "Copy or export the file again")

PLAIN_NAME = re.compile(r"[A-Za-z0-9_(+][A-Za-z0-9_()+,=@~ .-]{0,254}")
"""A file name without folder or drive, not hidden, and not a pattern for several files (with ``%``)."""


@dataclass(frozen=True)
class RawVolume:
    """A volume as its header describes it.

    Parameters
    ----------
    shape : tuple of int
        (slices, rows, columns) in the file, however they lie in the patient.
    affine : ndarray of float64, shape (4, 4)
        See `lungct.sources.Grid`.
    pixels : Pixels
    warnings : tuple of str
        Codes for missing information.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    pixels: Pixels
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class RawFormat:
    """A file format with a text header.

    Parameters
    ----------
    name : str
        Name for `Scan.metadata`.
    header : callable
        Takes a file's name, for errors, and its first bytes; returns its header. Raises only `SourceError`.
    volume : callable
        Takes a header and returns a `RawVolume`. Raises only `SourceError`.
    whole, apart : str
        Suffix of files that include the pixels, and of headers with a separate pixel file.
    """

    name: str
    header: Callable[[str, bytes], Header]
    volume: Callable[[Header], RawVolume]
    whole: str
    apart: str


def read_raw_volume(path: Path, options: ReadOptions, fmt: RawFormat) -> Scan:
    """Read a volume of any orientation.

    Raises
    ------
    SourceError
        When the header is not supported, the file is damaged, or the pixels are in a file that may not be read.
    """
    name = str(path)
    with _opened(name, path) as (file, head):
        header = fmt.header(name, head)
        with _file_of_pixels(path, file, header.beside, options, fmt) as place:
            volume = fmt.volume(header)
            options.limits.check_shape(name, tuple(sorted(volume.shape)))  # the axes are sorted out later
            with explained(name, *DAMAGED):
                values = read_pixels(place, volume.pixels, math.prod(volume.shape))
                return volume_to_scan(
                    values.reshape(volume.shape),
                    volume.affine,
                    options,
                    source=name,
                    metadata={"format": fmt.name},
                    warnings=volume.warnings,
                )


def pixels_beside(path: Path, fmt: RawFormat) -> Path | None:
    """Return the separate file that holds the pixels of a header.

    Returns
    -------
    Path or None
        None for a file that includes its pixels, and for one that can't be read.
    """
    if path.suffix.lower() != fmt.apart:
        return None
    name = str(path)
    try:
        with _opened(name, path) as (_, head):
            beside = fmt.header(name, head).beside
    except SourceError:
        return None
    return path.with_name(beside) if beside and _is_plain(beside) else None


@contextmanager
def _opened(name: str, path: Path) -> Iterator[tuple[BinaryIO, bytes]]:
    """Open a regular file; yield it and its first bytes."""
    with explained(name, *DAMAGED):
        file = _open_ordinary(path, 0)
    with file:
        with explained(name, *DAMAGED):
            head = file.read(HEADER_BYTES)
        yield file, head


@contextmanager
def _file_of_pixels(
    path: Path, file: BinaryIO, beside: str | None, options: ReadOptions, fmt: RawFormat
) -> Iterator[BinaryIO]:
    """Yield the file with the pixels: the header's own, or the separate one."""
    if beside is None:
        yield file
        return
    name, whole = str(path), f"Save header and pixels as one file, {fmt.whole}"
    if not options.limits.detached or in_memory(path):
        raise SourceError(name, "keeps its pixels in another file", whole)
    if path.suffix.lower() != fmt.apart:
        raise SourceError(
            name,
            "keeps its pixels in another file",
            f"{whole}; a header with a separate pixel file must end in {fmt.apart}",
        )
    if not _is_plain(beside):
        raise SourceError(
            name,
            f"keeps its pixels in {shown(beside)}, which is not a plain file name",
            f"{whole}, or name one file in the same folder",
        )
    with open_beside(name, path.with_name(beside)) as other:
        yield other


def _is_plain(name: str) -> bool:
    return PLAIN_NAME.fullmatch(name) is not None and not name.startswith("LIST")


def open_beside(name: str, path: Path) -> BinaryIO:
    """Open the pixel file of a header, but not through a link, which could lead anywhere.

    Raises
    ------
    SourceError
    """
    remedy = "Put the pixel file in the header's folder, as a regular file, not a link"
    problem = f"keeps its pixels in {path.name}, which can't be opened in the same folder"
    if path.is_symlink():  # not every system has O_NOFOLLOW
        raise SourceError(name, f"{problem} (it is a link)", remedy)
    try:
        return _open_ordinary(path, getattr(os, "O_NOFOLLOW", 0))
    except OSError as error:
        raise SourceError(name, f"{problem} ({error.strerror or error})", remedy) from error


def _open_ordinary(path: Path, flags: int) -> BinaryIO:
    """Open a file that must be a regular one, without waiting for the other end of a pipe."""
    if in_memory(path):
        return path.open("rb")
    every = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, every | flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("it is not a regular file")
    return os.fdopen(descriptor, "rb")
