"""Open NIfTI files by their content, whatever their name: one file, plain or compressed, or a pair of files."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError
from ..foreign.memory import in_memory
from ..limits import Limits
from .volume import open_beside

LARGEST_OFFSET = 16 * 1024 * 1024
"""Largest size of header and extensions before the pixels, in bytes."""

HEADER_BYTES = 540


class OpenedNifti(NamedTuple):
    """A nibabel image whose pixels are not read yet, and its header's distances between pixels, float64 (3,).

    nibabel replaces a distance of 0 by 1; here it stays as it is in the file.
    """

    image: Any
    steps: NDArray[np.float64]


def is_pair(head: bytes) -> bool:
    """Tell whether the first bytes are the header of a NIfTI pair, whose pixels are in an ``.img`` file."""
    return head[344:348] == b"ni1\0" or head[4:8] == b"ni2\0"


def pixels_of_pair(path: Path) -> Path | None:
    """Return the pixel file beside the header of a pair, ``.hdr``; None for all other files."""
    if path.suffix.lower() != ".hdr":
        return None
    return next((other for other in _with(path, ".img") if other.is_file()), None)


def header_of_pair(path: Path) -> Path | None:
    """Return the header beside the pixel file of a pair, ``.img``; None for all other files."""
    if path.suffix.lower() != ".img":
        return None
    return next((other for other in _with(path, ".hdr") if other.is_file()), None)


def _with(path: Path, suffix: str) -> list[Path]:
    """Return the path with another suffix, in small and in capital letters."""
    return [path.with_suffix(suffix), path.with_suffix(suffix.upper())]


@contextmanager
def opened_nifti(path: Path, limits: Limits) -> Iterator[OpenedNifti]:
    """Open a NIfTI file.

    nibabel would go by the suffix; here the content decides.

    Raises
    ------
    SourceError
        When a pair lacks its pixel file, or that may not be read.
    """
    import nibabel
    from nibabel.fileholders import FileHolder

    with ExitStack() as opened:
        file: Any = opened.enter_context(path.open("rb"))
        if file.read(2) == b"\x1f\x8b":
            file.seek(0)
            file = opened.enter_context(gzip.GzipFile(fileobj=file))
        file.seek(0)
        head = file.read(HEADER_BYTES)
        file.seek(0)
        second = head[4:7] in (b"n+2", b"ni2")
        _check_offset(path, head, second=second)
        steps = np.array(struct.unpack_from(f"{_order(head)}3{'d' if second else 'f'}", head, 112 if second else 80))
        # A mapped file that shrank would crash the process.
        if not is_pair(head):
            kind: Any = nibabel.Nifti2Image if second else nibabel.Nifti1Image
            yield OpenedNifti(kind.from_file_map({"image": FileHolder(fileobj=file)}, mmap=False), steps)
            return
        pixels: Any = opened.enter_context(_pixels(path, limits))
        kind = nibabel.Nifti2Pair if second else nibabel.Nifti1Pair
        holders = {"header": FileHolder(fileobj=file), "image": FileHolder(fileobj=pixels)}
        yield OpenedNifti(kind.from_file_map(holders, mmap=False), steps)


def _pixels(path: Path, limits: Limits) -> BinaryIO:
    """Open the pixel file of a pair, under the rules for all pixel files."""
    whole = "Save header and pixels as one file, .nii"
    if not limits.detached or in_memory(path):
        raise SourceError(str(path), "keeps its pixels in another file", whole)
    beside = pixels_of_pair(path)
    if beside is None:
        raise SourceError(
            str(path),
            "is the header of a pair of files, .hdr and .img, without the other",
            f"Put {path.with_suffix('.img').name} beside it, or give one file, .nii",
        )
    return open_beside(str(path), beside)


def _check_offset(path: Path, head: bytes, *, second: bool) -> None:
    """Refuse a header that puts many megabytes before the pixels, because nibabel would load them."""
    (offset,) = struct.unpack_from(f"{_order(head)}{'q' if second else 'f'}", head, 168 if second else 108)
    if not 0 <= offset <= LARGEST_OFFSET:
        raise SourceError(str(path), f"has its pixels start at byte {offset:g}", "Copy or export the file again")


def _order(head: bytes) -> str:
    """Return the byte order of a header, from its size in the first four bytes."""
    return "<" if head[:4] in (b"\x5c\x01\0\0", b"\x1c\x02\0\0") else ">"
