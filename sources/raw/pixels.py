"""Read the pixels of a file with a text header: raw, compressed or as text, and never more than it announces."""

from __future__ import annotations

import binascii
import bz2
import os
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

Encoding = Literal["raw", "zlib", "gzip", "bzip2", "text", "hex"]

CHUNK = 1 << 20
TEXT_CHUNK = 1 << 16
MOST_SKIPPED = 16 * 1024 * 1024
"""Most bytes of lines to skip before the pixels, and most unpacked bytes to skip."""

LONGEST_NUMBER = 64
NUMBERS = re.compile(rb"[0-9+\-.,eEnNaAiIfF \t\r\n]*")
BLANK = b" \t\r\n"


@dataclass(frozen=True)
class Pixels:
    """How pixels are stored.

    Parameters
    ----------
    dtype : numpy.dtype
        Their type, with its byte order.
    encoding : {"raw", "zlib", "gzip", "bzip2", "text", "hex"}
        ``"zlib"`` also accepts gzip data.
    start : int
        Where in the file they begin, before skipping.
    lines : int
        Lines to skip.
    offset : int
        Bytes to skip after those lines; -1 (only for ``"raw"``) if the pixels are at the end of the file.
    inside : int
        Unpacked bytes to skip, at most `MOST_SKIPPED`.
    """

    dtype: np.dtype[Any]
    encoding: Encoding
    start: int = 0
    lines: int = 0
    offset: int = 0
    inside: int = 0


def read_pixels(file: BinaryIO, pixels: Pixels, count: int) -> NDArray[Any]:
    """Read `count` pixels from a file.

    Memory grows with the bytes that arrive, not with the size that the header announces.

    Returns
    -------
    ndarray, shape (count,)
        In native byte order, and writeable.

    Raises
    ------
    EOFError
        When there are too few.
    OSError, ValueError, zlib.error
        When they are damaged.
    """
    file.seek(pixels.start)
    _skip_lines(file, pixels.lines)
    size = count * pixels.dtype.itemsize
    if pixels.encoding == "raw":
        content = _raw(file, pixels.offset, size)
    else:
        file.seek(pixels.offset, os.SEEK_CUR)
        content = _gathered(UNPACK[pixels.encoding](file, pixels.dtype), pixels.inside, size)
    values: NDArray[Any] = np.frombuffer(content, pixels.dtype)
    return values if values.dtype.isnative else values.byteswap(inplace=True).view(values.dtype.newbyteorder("="))


def _skip_lines(file: BinaryIO, lines: int) -> None:
    left = MOST_SKIPPED
    for _ in range(lines):
        line = file.readline(left)
        left -= len(line)
        if not line.endswith(b"\n"):
            raise EOFError("the lines before the pixels don't end")


def _raw(file: BinaryIO, offset: int, size: int) -> bytearray:
    """Read raw bytes, after checking that the file has them."""
    start = file.tell()
    end = file.seek(0, os.SEEK_END)
    first = end - size if offset < 0 else start + offset
    if first < start or first + size > end:
        raise EOFError(f"{max(0, end - start - max(offset, 0))} bytes of pixels instead of {size}")
    file.seek(first)
    content = bytearray(size)
    if file.readinto(content) != size:  # type: ignore[attr-defined]
        raise EOFError("the file was cut off meanwhile")
    return content


def _gathered(pieces: Iterator[bytes], skipped: int, size: int) -> bytearray:
    """Return `size` bytes after the skipped ones, and read no further."""
    content = bytearray()
    for piece in pieces:
        if len(content) == size:
            break
        content += piece[skipped : skipped + size - len(content)]
        skipped = max(0, skipped - len(piece))
    if len(content) < size:
        raise EOFError(f"{len(content)} bytes of pixels instead of {size}")
    return content


def _inflated(file: BinaryIO, wbits: int) -> Iterator[bytes]:
    """Unpack piece by piece to the end, where zlib verifies the checksum."""
    packed = zlib.decompressobj(wbits)
    while not packed.eof:
        chunk = packed.unconsumed_tail or file.read(CHUNK)
        piece = packed.decompress(chunk, CHUNK)
        if not chunk and not piece:
            raise EOFError("the packed pixels are cut off")
        yield piece


def _bunzipped(file: BinaryIO, _: np.dtype[Any]) -> Iterator[bytes]:
    packed = bz2.BZ2Decompressor()
    while not packed.eof:
        chunk = file.read(CHUNK) if packed.needs_input else b""
        if packed.needs_input and not chunk:
            raise EOFError("the packed pixels are cut off")
        yield packed.decompress(chunk, CHUNK)


def _from_hex(file: BinaryIO, _: np.dtype[Any]) -> Iterator[bytes]:
    rest = b""
    while chunk := file.read(TEXT_CHUNK):
        digits = rest + chunk.translate(None, BLANK)
        even = len(digits) // 2 * 2
        yield binascii.unhexlify(digits[:even])
        rest = digits[even:]


def _from_text(file: BinaryIO, dtype: np.dtype[Any]) -> Iterator[bytes]:
    """Yield numbers separated by blanks or commas, converted to bytes."""
    rest, ended = b"", False
    while not ended:
        chunk = file.read(TEXT_CHUNK)
        ended = not chunk
        text = rest + chunk.replace(b",", b" ") if chunk else rest
        if not NUMBERS.fullmatch(text):
            raise ValueError("the pixels contain something other than numbers")
        cut = len(text) if ended else 1 + max(text.rfind(blank) for blank in (b" ", b"\t", b"\r", b"\n"))
        words, rest = text[:cut].split(), text[cut:]
        if len(rest) > LONGEST_NUMBER or max(map(len, words), default=0) > LONGEST_NUMBER:
            raise ValueError("the pixels contain a number with too many digits")
        if words:
            yield _typed(np.array(words).astype(np.float64), dtype).tobytes()


def _typed(values: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Convert numbers to their type, refusing those that don't fit."""
    if dtype.kind == "f":
        if (np.abs(values) > np.finfo(dtype).max).any():
            raise ValueError(f"the pixels contain a number beyond {dtype}")
        return values.astype(dtype)
    bounds = np.iinfo(dtype)
    # The largest 64-bit integer can't be a float64, but that number plus one can.
    if not ((values >= float(bounds.min)) & (values < float(bounds.max) + 1) & (values == np.rint(values))).all():
        raise ValueError(f"the pixels contain a number that is not a valid {dtype}")
    return values.astype(dtype)


UNPACK: dict[Encoding, Callable[[BinaryIO, np.dtype[Any]], Iterator[bytes]]] = {
    "zlib": lambda file, _: _inflated(file, zlib.MAX_WBITS | 32),
    "gzip": lambda file, _: _inflated(file, zlib.MAX_WBITS | 16),
    "bzip2": _bunzipped,
    "hex": _from_hex,
    "text": _from_text,
}
"""Decoders by encoding. They yield pieces, so that a reader may stop early."""
