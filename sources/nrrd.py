"""Read NRRD volumes (teem's format): ``.nrrd``, and ``.nhdr`` with a separate pixel file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import numpy as np

from .options import DEFAULTS, ReadOptions
from .raw.header import BLANKS, Header, header_error, header_lines, shown
from .raw.nrrd_axes import affine_of, space_of, spatial_axes
from .raw.pixels import MOST_SKIPPED, Encoding, Pixels
from .raw.volume import RawFormat, RawVolume, read_raw_volume
from .scan import Scan

MAGIC = re.compile(rb"NRRD000[1-5]")

FIELDS = (
    "content", "number", "type", "block size", "dimension", "space", "space dimension", "sizes", "spacings",
    "thicknesses", "axis mins", "axis maxs", "space directions", "space origin", "space units", "centerings", "kinds",
    "labels", "units", "measurement frame", "min", "max", "old min", "old max", "endian", "encoding", "line skip",
    "byte skip", "sample units", "data file",
)  # fmt: skip
"""All fields of the format. Those that don't say how pixels are stored or where they lie are skipped."""

SPELLED = {
    **{name.replace(" ", ""): name for name in FIELDS},
    **{name: name for name in FIELDS},
    "centers": "centerings",
}

TYPES = {
    spelled: dtype
    for dtype, all_spelled in {
        "i1": "signed char, int8, int8_t",
        "u1": "uchar, unsigned char, uint8, uint8_t",
        "i2": "short, short int, signed short, signed short int, int16, int16_t",
        "u2": "ushort, unsigned short, unsigned short int, uint16, uint16_t",
        "i4": "int, signed int, int32, int32_t",
        "u4": "uint, unsigned int, uint32, uint32_t",
        "i8": "longlong, long long, long long int, signed long long, signed long long int, int64, int64_t",
        "u8": "ulonglong, unsigned long long, unsigned long long int, uint64, uint64_t",
        "f4": "float",
        "f8": "double",
    }.items()
    for spelled in all_spelled.split(", ")
}
"""NumPy type names by teem name."""

ENCODINGS: dict[str, Encoding] = {
    "raw": "raw",
    "gzip": "gzip",
    "gz": "gzip",
    "bzip2": "bzip2",
    "bz2": "bzip2",
    "ascii": "text",
    "text": "text",
    "txt": "text",
    "hex": "hex",
}
ENDIANS: dict[str, Literal["<", ">"]] = {"little": "<", "big": ">"}


def read_nrrd(path: Path, options: ReadOptions = DEFAULTS) -> Scan:
    """Read an NRRD volume of any orientation.

    Parameters
    ----------
    path : Path
        An ``.nrrd`` file, or an ``.nhdr`` file in the same folder as its pixel file.
    options : ReadOptions

    Raises
    ------
    SourceError
        When the file is damaged, in colour, doesn't have three axes, or its pixels may not be read.
    """
    return read_raw_volume(path, options, NRRD)


def nrrd_volume(header: Header) -> RawVolume:
    """Interpret the header of an NRRD file.

    Raises
    ------
    SourceError
    """
    sizes = header.integers("sizes", header.integer("dimension", 1, 16), 1, 2**31)
    space = space_of(header)
    axes = spatial_axes(header, sizes, space)
    columns, rows, slices = (sizes[axis] for axis in axes)
    affine, warnings = affine_of(header, sizes, axes, space)
    return RawVolume((slices, rows, columns), affine, _pixels(header), warnings)


def nrrd_header(name: str, head: bytes) -> Header:
    """Parse the header in the first bytes of a file.

    Raises
    ------
    SourceError
    """
    values: dict[str, str] = {}
    keys: set[bytes] = set()
    size = len(head)
    lines = header_lines(name, head)
    if not MAGIC.fullmatch(next(lines, (b"", 0))[0]):
        raise header_error(name, "first line", "is not one of NRRD0001 to NRRD0005")
    for line, end in lines:
        if not line:
            size = end
            break
        if line.startswith(b"#"):
            continue
        key, colon, value = line.partition(b":")
        if colon and value.startswith(b"="):  # a program's own key
            if key in keys:
                raise header_error(name, shown(key), "occurs twice")
            keys.add(key)
            continue
        field = _field(name, line)
        if field in values:
            raise header_error(name, field, "occurs twice")
        values[field] = value.decode("latin-1").strip(BLANKS)
        if field == "data file" and values[field].startswith("LIST"):  # file names follow
            break
    return Header(name, values, size, values.get("data file"))


def _field(name: str, line: bytes) -> str:
    """Return the name of the field in a line, as the format spells it."""
    key, _, value = line.partition(b":")
    field = SPELLED.get(key.decode("latin-1").lower())
    if field is None or not value.startswith((b" ", b"\t")):
        raise header_error(name, f"line {shown(line)}", "is neither an NRRD field (name: value) nor key:=value")
    return field


NRRD = RawFormat("NRRD", nrrd_header, nrrd_volume, ".nrrd", ".nhdr")


def _pixels(header: Header) -> Pixels:
    encoding = header.choice("encoding", ENCODINGS)
    dtype = np.dtype(header.choice("type", TYPES))
    if dtype.itemsize > 1 and encoding != "text":
        dtype = dtype.newbyteorder(header.choice("endian", ENDIANS))
    packed = encoding in ("gzip", "bzip2")
    lines = header.integer("line skip", 0, 10_000, 0)
    skipped = header.integer("byte skip", -1 if encoding == "raw" else 0, MOST_SKIPPED if packed else 2**40, 0)
    # In compressed data, "byte skip" counts unpacked bytes.
    start = header.size if header.beside is None else 0
    return Pixels(dtype, encoding, start, lines, 0 if packed else skipped, skipped if packed else 0)
