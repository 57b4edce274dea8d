"""Pixels behind a header in text: plain, packed or written out, and never more of them than it promises."""

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
"""Most bytes of lines before the pixels, and most that are unpacked to be thrown away."""

LONGEST_NUMBER = 64
NUMBERS = re.compile(rb"[0-9+\-.,eEnNaAiIfF \t\r\n]*")
BLANK = b" \t\r\n"


@dataclass(frozen=True)
class Pixels:
    """How pixels are stored.

    Parameters
    ----------
    dtype : numpy.dtype
        Their type, with its order of bytes.
    encoding : {"raw", "zlib", "gzip", "bzip2", "text", "hex"}
        ``"zlib"`` takes what gzip packs too.
    start : int
        Where in the file they begin, but for what is skipped.
    lines : int
        Lines to skip.
    offset : int
        Bytes to skip behind those lines; -1 where pixels end the file, for ``"raw"`` alone.
    inside : int
        Bytes to skip in what was packed, at most `MOST_SKIPPED`.
    """

    dtype: np.dtype[Any]
    encoding: Encoding
    start: int = 0
    lines: int = 0
    offset: int = 0
    inside: int = 0


def read_pixels(file: BinaryIO, pixels: Pixels, count: int) -> NDArray[Any]:
    """Read so many pixels of a file.

    Memory is taken as bytes come, not as the header promises them.

    Returns
    -------
    ndarray, shape (count,)
        In this machine's order of bytes, and free to be written to.

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
    """Read plain bytes; what the file doesn't hold is not set aside."""
    start, end = file.tell(), os.fstat(file.fileno()).st_size
    first = end - size if offset < 0 else start + offset
    if first < start or first + size > end:
        raise EOFError(f"{max(0, end - start - max(offset, 0))} bytes of pixels instead of {size}")
    file.seek(first)
    content = bytearray(size)
    if file.readinto(content) != size:  # type: ignore[attr-defined]
        raise EOFError("the file was cut off meanwhile")
    return content


def _gathered(pieces: Iterator[bytes], skipped: int, size: int) -> bytearray:
    """Return so many bytes behind those that are skipped; what comes later is left alone."""
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
    """Unpack in pieces until the end, where zlib compares its checksum."""
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
    """Yield numbers between blanks or commas as the bytes they would be."""
    rest, ended = b"", False
    while not ended:
        chunk = file.read(TEXT_CHUNK)
        ended = not chunk
        text = rest + chunk.replace(b",", b" ") if chunk else rest
        if not NUMBERS.fullmatch(text):
            raise ValueError("something else than numbers among the pixels")
        cut = len(text) if ended else 1 + max(text.rfind(blank) for blank in (b" ", b"\t", b"\r", b"\n"))
        words, rest = text[:cut].split(), text[cut:]
        if len(rest) > LONGEST_NUMBER or max(map(len, words), default=0) > LONGEST_NUMBER:
            raise ValueError("a number of too many digits among the pixels")
        if words:
            yield _typed(np.array(words).astype(np.float64), dtype).tobytes()


def _typed(values: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return numbers in their type, which must hold them."""
    if dtype.kind == "f":
        if (np.abs(values) > np.finfo(dtype).max).any():
            raise ValueError(f"a number beyond {dtype} among the pixels")
        return values.astype(dtype)
    bounds = np.iinfo(dtype)
    # The largest 64-bit integers are no float64: one more is.
    if not ((values >= float(bounds.min)) & (values < float(bounds.max) + 1) & (values == np.rint(values))).all():
        raise ValueError(f"a number that is no {dtype} among the pixels")
    return values.astype(dtype)


UNPACK: dict[Encoding, Callable[[BinaryIO, np.dtype[Any]], Iterator[bytes]]] = {
    "zlib": lambda file, _: _inflated(file, zlib.MAX_WBITS | 32),
    "gzip": lambda file, _: _inflated(file, zlib.MAX_WBITS | 16),
    "bzip2": _bunzipped,
    "hex": _from_hex,
    "text": _from_text,
}
"""What makes bytes of what a file holds, by its encoding: in pieces, so that a reader may stop."""
