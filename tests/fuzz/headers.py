"""MetaImage and NRRD files generated from their grammar: mostly valid headers, and pixels that fit or don't."""

from __future__ import annotations

import bz2
import gzip
import random
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

Lines = list[tuple[str, str]]

SHAPE = (2, 33, 34)
MET = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
TEEM = {
    "signed char": "i1",
    "uchar": "u1",
    "short": "i2",
    "unsigned int": "u4",
    "int64_t": "i8",
    "ulonglong": "u8",
    "float": "f4",
    "double": "f8",
}
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "hex": lambda content: content.hex("\n", 20).encode(),
    "raw": bytes,
}
NUMBERS = (
    "-1", "0", "1", "2", "3", "1e308", "-1e-308", "1e999", "nan", "NaN", "inf", "-inf", "9" * 30, "9" * 6000,
    "2147483648", "-9223372036854775809", "0x10", "1_0", "1e", "+-1", ".", "", "³", "\u0661", "1,0", "1;0", "None",
    "%d", "-0.0",
)  # fmt: skip
WORDS = (
    "True", "LOCAL", "x" * 5000, "domain " * 1000, "(" * 3000, '"' * 99, "\\" * 99, "none none none", "(1,0,0)" * 500,
    "((1,0,0))", "block", "list", "???", "-", "/dev/zero", "/etc/passwd", "../a", "LIST", "%03d.raw 1 9 1", "a b",
    "\xff\xfe", "é", "\x00", "\r", "\x1a", "\x85",
)  # fmt: skip
SEPARATORS = ("=", " = ", " : ", ": ", ":", ":=", "\t=\t", " == ", " ", "", "=\r", ":\n", "\x00=")
ENDS = ("\r\n", "\r", "\n\n", "\n\r\n", "\0", "\x0b", "\x85", "", " \n", "\n#\n", "\n \n")
BUGS = (AttributeError, LookupError, TypeError, AssertionError)
"""Exceptions that these readers never raise themselves: a refusal caused by one is a finding."""


class MetaImages:
    """Makes MetaImage files, ``.mha`` and ``.mhd``, by number."""

    name, bugs = "grammar.mha", BUGS
    MORE = (("DistanceUnits", "cm"), ("HeaderSize", "-1"), ("ElementNumberOfChannels", "1"), ("Comment", "a = b : c"))

    def __call__(self, number: int) -> dict[str, bytes]:
        """Return files by name; the first one is read."""
        rng = random.Random(number)  # noqa: S311
        kind, binary = rng.choice(list(MET)), rng.random() < 0.8
        order, packed = rng.choice("<>"), rng.random() < 0.4
        beside = rng.random() < 0.3
        pixels = _values(MET[kind], order)
        data = PACKED["zlib" if packed else "raw"](pixels.tobytes()) if binary else _text(pixels)
        turn = " ".join(map(str, rng.choice((np.eye(3), np.diag([-1, 1, -1]), np.eye(3)[[1, 0, 2]])).ravel()))
        lines: Lines = [
            ("ObjectType", "Image"),
            ("NDims", "3"),
            ("BinaryData", str(binary)),
            (rng.choice(("BinaryDataByteOrderMSB", "ElementByteOrderMSB")), str(order == ">")),
            ("CompressedData", str(packed)),
            (rng.choice(("TransformMatrix", "Rotation", "Orientation")), turn),
            (rng.choice(("Offset", "Position", "Origin")), "1.5 -2 3e1"),
            ("CenterOfRotation", "0 0 0"),
            (rng.choice(("ElementSpacing", "ElementSize")), "0.7 0.7 2.5"),
            ("0008|0060", "CT"),
            ("DimSize", _said(SHAPE[::-1])),
            ("ElementType", kind),
        ]
        for more in (
            ("DistanceUnits", "cm"),
            ("HeaderSize", "-1"),
            ("ElementNumberOfChannels", "1"),
            ("Comment", "a = b : c"),
        ):
            if rng.random() < 0.15:
                lines.insert(rng.randrange(1, len(lines)), more)
        own = f"{number}-a.{'mhd' if beside else 'mha'}"
        lines.append(("ElementDataFile", f"{number}-a.raw" if beside else "LOCAL"))
        return _files(own, _head(lines, " = ", "", rng), data, beside, rng)


class Nrrds:
    """Makes NRRD files, ``.nrrd`` and ``.nhdr``, by number."""

    name, bugs = "grammar.nrrd", BUGS
    MORE = (
        ("space units", '"mm" "cm" "um"'),
        ("labels", '"a" "b\\"" "c"'),
        ("line skip", "0"),
        ("byte skip", "-1"),
        ("content", "x: y:=z"),
        ("measurement frame", "(1,0,0) (0,1,0) (0,0,1)"),
        ("old min", "nan"),
    )

    def __call__(self, number: int) -> dict[str, bytes]:
        """Return files by name; the first one is read."""
        rng = random.Random(number)  # noqa: S311
        kind, order = rng.choice(list(TEEM)), rng.choice(("little", "big"))
        encoding = rng.choice(("raw", "raw", "gzip", "gzip", "bzip2", "hex", "ascii"))
        beside = rng.random() < 0.3
        pixels = _values(TEEM[kind], "<" if order == "little" else ">")
        data = _text(pixels) if encoding == "ascii" else PACKED[encoding](pixels.tobytes())
        lines: Lines = [
            ("type", kind),
            ("dimension", "3"),
            ("sizes", _said(SHAPE[::-1])),
            ("encoding", encoding),
            ("endian", order),
            ("kinds", "domain domain domain"),
            ("#", "a comment"),
        ]
        if rng.random() < 0.7:
            lines += [
                ("space", rng.choice(("LPS", "left-posterior-superior", "RAS", "LAS", "scanner-xyz"))),
                ("space directions", "(0.7,0,0) (0,0.6,0.1) (0,-0.1,2)"),
                ("space origin", "(1,-2.5,3e2)"),
            ]
        else:
            lines += [("spacings", "0.7 0.7 2"), ("axis mins", "1 2 3"), ("centers", "cell node cell")]
        _add(lines, self.MORE, rng)
        own = f"{number}-a.{'nhdr' if beside else 'nrrd'}"
        if beside:
            lines.append((rng.choice(("data file", "datafile")), f"{number}-a.raw"))
        head = rng.choice(("NRRD0001", "NRRD0004", "NRRD0005")) + "\n" + _head(lines, ": ", "key:=value\n", rng)
        return _files(own, head + ("" if beside and rng.random() < 0.5 else "\n"), data, beside, rng)


GRAMMARS = (MetaImages(), Nrrds())


def _add(lines: Lines, more: Sequence[tuple[str, str]], rng: random.Random) -> None:
    """Insert some lines among the others, after the first."""
    for line in more:
        if rng.random() < 0.1:
            lines.insert(rng.randrange(1, len(lines)), line)


def _values(dtype: str, order: str) -> np.ndarray:
    return np.arange(np.prod(SHAPE)).astype(dtype).reshape(SHAPE).astype(np.dtype(dtype).newbyteorder(order))


def _said(numbers: Sequence[int]) -> str:
    return " ".join(map(str, numbers))


def _text(pixels: np.ndarray) -> bytes:
    return " ".join(map(str, pixels.ravel().tolist())).encode()


def _head(lines: Lines, separator: str, more: str, rng: random.Random) -> str:
    """Return a header with up to four of its lines corrupted."""
    own = dict.fromkeys(range(len(lines)), (separator, "\n"))
    for _ in range(rng.choice((0, 0, 1, 1, 1, 2, 4))):
        index = rng.randrange(len(lines))
        key, value = lines[index]
        what = rng.randrange(9)
        if what < 3:
            lines[index] = (key, _spoilt(value, rng))
        elif what == 3:
            lines[index] = (
                rng.choice((key.upper(), key.lower(), f" {key}", f"{key}\0", key[:-1], "#", "", rng.choice(WORDS))),
                value,
            )
        elif what == 4:
            lines[index] = (key, rng.choice((*WORDS, lines[rng.randrange(len(lines))][1])))
        elif what == 5:
            own[index] = (rng.choice(SEPARATORS), own[index][1])
        elif what == 6:
            own[index] = (own[index][0], rng.choice(ENDS))
        elif what == 7:
            other = rng.randrange(len(lines))
            lines[index], lines[other] = lines[other], lines[index]
        else:
            lines[index] = rng.choice(
                (lines[rng.randrange(len(lines))], (key, f"{value}\r{separator.join(lines[-1])}"), ("", ""))
            )
    head = "".join(f"{key}{own[index][0]}{value}{own[index][1]}" for index, (key, value) in enumerate(lines))
    return (more if rng.random() < 0.3 else "") + head


def _spoilt(value: str, rng: random.Random) -> str:
    """Return words or numbers with one of them changed, missing or added."""
    words = value.split(" ")
    index = rng.randrange(len(words))
    what = rng.randrange(4)
    if what == 0:
        del words[index]
    elif what == 1:
        words.insert(index, rng.choice((*NUMBERS, words[index])))
    elif what == 2:
        words *= rng.choice((2, 3, 400))
    else:
        words[index] = rng.choice((*NUMBERS, *WORDS, f"({','.join(rng.choices(NUMBERS, k=3))})"))
    return rng.choice((" ", " ", "\t", "  ")).join(words)


@cache
def _bombs() -> tuple[bytes, ...]:
    """Return what unpacks to 20 MB."""
    return tuple(pack(bytes(20_000_000)) for pack in (zlib.compress, gzip.compress, bz2.compress))


def _files(own: str, head: str, data: bytes, beside: bool, rng: random.Random) -> dict[str, bytes]:
    """Return a header and its pixels, which may be cut off, missing, noise, or more than promised."""
    what = rng.randrange(12)
    if what == 0:
        data = data[: rng.randrange(len(data) + 1)]
    elif what == 1:
        data = b""
    elif what == 2:
        data = rng.randbytes(rng.choice((1, 100, 5000)))
    elif what == 3:
        data = data + rng.choice((b"\n", data, bytes(5000)))
    elif what == 4:
        data = _bombs()[rng.randrange(3)]
    header = head.encode("utf-8" if rng.random() < 0.5 else "latin-1", "replace")
    if not beside:
        return {own: header + data}
    return {own: header, Path(own).with_suffix(".raw").name: data} if rng.random() < 0.9 else {own: header}
