"""Read MetaImage volumes (ITK's MetaIO): ``.mha``, and ``.mhd`` with a separate pixel file."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import SourceError
from .grid import UNKNOWN_ORIENTATION, UNKNOWN_SPACING, is_default
from .options import DEFAULTS, ReadOptions
from .raw.header import BLANKS, Header, header_error, header_lines, shown
from .raw.pixels import Pixels
from .raw.volume import RawFormat, RawVolume, read_raw_volume
from .scan import Scan

KEY = re.compile(rb"[!-9;<>-~]{1,256}")
"""No blank, colon or equals sign. ITK copies the tags of other formats, such as ``dim[0]`` and ``0008|0060``."""

SAME = {
    "Rotation": "TransformMatrix",
    "Orientation": "TransformMatrix",
    "Position": "Offset",
    "Origin": "Offset",
    "ImagePosition": "Offset",
    "ElementByteOrderMSB": "BinaryDataByteOrderMSB",
}
"""Synonyms of keys; old files contain several of them."""

INTERPRETED = {
    *SAME.values(),
    "ObjectType",
    "NDims",
    "DimSize",
    "BinaryData",
    "CompressedData",
    "HeaderSize",
    "DistanceUnits",
    "ElementSpacing",
    "ElementSize",
    "ElementNumberOfChannels",
    "ElementToIntensityFunctionSlope",
    "ElementToIntensityFunctionOffset",
    "ElementType",
    "ElementDataFile",
}
"""Keys that are used. All others are comments or specific to one program, and are skipped."""

TYPES = {
    "met_char": "i1",
    "met_ascii_char": "i1",
    "met_uchar": "u1",
    "met_short": "i2",
    "met_ushort": "u2",
    "met_int": "i4",
    "met_uint": "u4",
    "met_long": "i4",
    "met_ulong": "u4",
    "met_long_long": "i8",
    "met_ulong_long": "u8",
    "met_float": "f4",
    "met_double": "f8",
}
"""NumPy type names by MetaIO name; MetaIO's long always has 4 bytes."""

FLAGS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


def read_metaimage(path: Path, options: ReadOptions = DEFAULTS) -> Scan:
    """Read a MetaImage volume of any orientation.

    Parameters
    ----------
    path : Path
        An ``.mha`` file, or an ``.mhd`` file in the same folder as its pixel file.
    options : ReadOptions

    Raises
    ------
    SourceError
        When the file is damaged, in colour, doesn't have three axes, or its pixels may not be read.
    """
    return read_raw_volume(path, options, METAIMAGE)


def metaimage_volume(header: Header) -> RawVolume:
    """Interpret the header of a MetaImage.

    Raises
    ------
    SourceError
    """
    header.choice("ObjectType", {"image": None}, "Image")
    axes, channels = header.integer("NDims", 1, 10), header.integer("ElementNumberOfChannels", 1, 10**6, 1)
    if axes != 3 or channels != 1:
        raise SourceError(
            header.name,
            f"has {axes} axes and {channels} values per pixel",
            "Give one volume with three axes and one value per pixel",
        )
    columns, rows, slices = header.integers("DimSize", 3, 1, 2**31)
    affine, warnings = _affine(header)
    return RawVolume((slices, rows, columns), affine, _pixels(header), warnings)


def metaimage_header(name: str, head: bytes) -> Header:
    """Parse the header in the first bytes of a file.

    Raises
    ------
    SourceError
    """
    values: dict[str, str] = {}
    seen: set[bytes] = set()
    for line, end in header_lines(name, head):
        if not line.strip(BLANKS.encode()):
            continue
        key, equals, value = (part.strip(BLANKS.encode()) for part in line.partition(b"="))
        if not equals or not KEY.fullmatch(key):
            raise header_error(name, f"line {shown(line)}", "is not of the form key = value")
        if key in seen:
            raise header_error(name, key.decode(), "occurs twice")
        seen.add(key)
        word = SAME.get(key.decode(), key.decode())
        if word not in INTERPRETED:
            continue
        said = value.decode("latin-1")
        if values.setdefault(word, said) != said:
            raise header_error(name, key.decode(), "contradicts another key of the same meaning")
        if word == "ElementDataFile":
            return Header(name, values, end, None if said in ("LOCAL", "Local", "local") else said)
    raise header_error(name, "ElementDataFile", "is missing")


METAIMAGE = RawFormat("MetaImage", metaimage_header, metaimage_volume, ".mha", ".mhd")


def _pixels(header: Header) -> Pixels:
    for key, plain in (("ElementToIntensityFunctionSlope", 1.0), ("ElementToIntensityFunctionOffset", 0.0)):
        if key in header.values and header.reals(key, 1) != [plain]:
            raise header.error(key, f"is not {plain:g}: rescaled pixels are not supported")
    dtype = np.dtype(header.choice("ElementType", TYPES))
    dtype = dtype.newbyteorder(">" if header.choice("BinaryDataByteOrderMSB", FLAGS, "False") else "<")
    binary = header.choice("BinaryData", FLAGS, "True")
    packed = header.choice("CompressedData", FLAGS, "False") and binary
    skipped = header.integer("HeaderSize", -1 if binary and not packed else 0, 2**40, 0)
    start = header.size if header.beside is None else 0
    if 0 < skipped < start:
        raise header.error("HeaderSize", "is smaller than the header")
    # HeaderSize counts from the start of the file.
    offset = skipped - start if skipped > 0 else skipped
    return Pixels(dtype, ("zlib" if packed else "raw") if binary else "text", start, offset=offset)


def _affine(header: Header) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return the affine from (column, row, slice) indices to mm, and the warnings about what the header doesn't say."""
    unit = header.unit("DistanceUnits", header.values.get("DistanceUnits", ""))
    key = "ElementSpacing" if "ElementSpacing" in header.values or "ElementSize" not in header.values else "ElementSize"
    spacing = header.reals(key, 3) if key in header.values else [1.0, 1.0, 1.0]
    if not all(spacing):
        raise header.error(key, "holds 0")
    # In MetaIO, each row of the matrix is the direction of one axis.
    directions = header.reals("TransformMatrix", 9) if "TransformMatrix" in header.values else np.eye(3)
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(directions, (3, 3)).T * spacing
    affine[:3, 3] = header.reals("Offset", 3) if "Offset" in header.values else [0.0, 0.0, 0.0]
    default = is_default(affine)
    affine[:3] *= unit
    unknown = (UNKNOWN_ORIENTATION,) if default or "TransformMatrix" not in header.values else ()
    return affine, (*unknown, *((UNKNOWN_SPACING,) if default or key not in header.values else ()))
