"""List the supported file formats: how to recognise each by its first bytes, and its reader."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from .dicom.series import read_dicom
from .errors import SourceError
from .files import SourceFile
from .foreign.names import foreign_format
from .metaimage import METAIMAGE, read_metaimage
from .nifti import read_nifti
from .npy import read_npy
from .nrrd import NRRD, read_nrrd
from .options import ReadOptions
from .pictures import read_picture
from .raw.nifti_file import is_pair, pixels_of_pair
from .raw.volume import pixels_beside as beside
from .scan import Scan
from .tiff import read_tiff

Reader = Callable[[Path, ReadOptions], Scan]

HEAD_BYTES = 552
"""Bytes needed to recognise a file: NIfTI's magic ends at byte 348, and in compressed files it is within 540."""


@dataclass(frozen=True)
class Format:
    """One file format.

    Parameters
    ----------
    name : str
        The format's usual name.
    listed : str
        Its name in lists of readable formats; empty if another row's name covers it.
    suffixes : tuple of str
        Lower case, with the dot; the first is the usual one.
    matches : callable
        Tells whether a file is of this format, given its first `HEAD_BYTES` bytes.
    read : callable or None
        Reads a path; None for formats that may contain several scans, see `lungct.sources.folder`.
    many : bool
        Whether a file can hold many slices.
    any_name : bool
        Whether the file name doesn't matter: DICOM files often have a number as a suffix, or no suffix.
    """

    name: str
    listed: str
    suffixes: tuple[str, ...]
    matches: Callable[[bytes], bool]
    read: Reader | None
    many: bool = False
    any_name: bool = False


def _starts(*magic: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magic)


def is_dicom(head: bytes) -> bool:
    """Recognise DICOM: with its preamble, or without, starting with one of the first elements of group 8 or 2."""
    if head[128:132] == b"DICM":
        return True
    group, element, length = head[:2], head[2:4], head[4:8]
    early = group in (b"\x08\x00", b"\x02\x00") and element in (b"\x00\x00", b"\x01\x00", b"\x05\x00", b"\x08\x00")
    return early and (length[:2].isalpha() or length[2:] == b"\0\0")


def _is_nifti(head: bytes) -> bool:
    return head[344:348] == b"n+1\0" or head[4:8] == b"n+2\0"


def _is_bmp(head: bytes) -> bool:
    """Recognise BMP; its two first letters alone would be too little."""
    return head[:2] == b"BM" and head[14:18] in {bytes([size, 0, 0, 0]) for size in (12, 40, 52, 56, 64, 108, 124)}


def _is_packed_nifti(head: bytes) -> bool:
    if not head.startswith(b"\x1f\x8b"):
        return False
    try:
        return _is_nifti(zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, HEAD_BYTES))
    except zlib.error:
        return False


def _is_metaimage(head: bytes) -> bool:
    return head.startswith((b"ObjectType", b"NDims")) or (head.startswith(b"Comment") and b"\nNDims" in head)


def _read_dicom_file(path: Path, options: ReadOptions) -> Scan:
    return read_dicom([SourceFile(path)], options)


FORMATS: tuple[Format, ...] = (
    # First, because the 128 free bytes before DICOM may hold the start of a TIFF.
    Format("DICOM", "DICOM", (".dcm",), is_dicom, _read_dicom_file, any_name=True),
    Format("NIfTI", "NIfTI", (".nii",), _is_nifti, read_nifti, many=True),
    Format("compressed NIfTI", "", (".nii.gz",), _is_packed_nifti, read_nifti, many=True),
    Format("NIfTI pair", "", (".hdr",), is_pair, read_nifti, many=True),
    Format("NRRD", "NRRD", (".nrrd", ".nhdr"), _starts(b"NRRD000"), read_nrrd, many=True),
    Format("MetaImage", "MHA", (".mha", ".mhd"), _is_metaimage, read_metaimage, many=True),
    Format("PNG", "PNG", (".png",), _starts(b"\x89PNG\r\n\x1a\n"), read_picture),
    Format("JPEG", "JPEG", (".jpg", ".jpeg", ".jpe"), _starts(b"\xff\xd8\xff"), read_picture),
    Format("BMP", "BMP", (".bmp", ".dib"), _is_bmp, read_picture),
    Format("TIFF", "TIFF", (".tif", ".tiff"), _starts(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), read_tiff),
    Format("NumPy", "NPY", (".npy",), _starts(b"\x93NUMPY"), read_npy),
    Format("ZIP", "", (".zip",), _starts(b"PK\x03\x04", b"PK\x05\x06"), None, many=True),
    Format("gzip", "", (".gz",), _starts(b"\x1f\x8b"), None),
)
"""All formats. To add one, write its reader and add a row; messages, ``--help`` and pages use this table."""

KNOWN = ", ".join(fmt.listed for fmt in FORMATS if fmt.listed)
"""The readable formats, as text for messages."""


def readable_suffixes() -> tuple[str, ...]:
    """Return the usual suffixes of readable files."""
    return tuple(suffix for fmt in FORMATS if fmt.read for suffix in fmt.suffixes)


def may_hold_many(name: str) -> bool:
    """Tell by its name whether a file can hold many slices."""
    return name.lower().endswith(tuple(suffix for fmt in FORMATS if fmt.many for suffix in fmt.suffixes))


def pixels_beside(path: Path) -> Path | None:
    """Return the pixel file that belongs to a header, ``.mhd``, ``.nhdr`` or ``.hdr``; None for all other files."""
    return beside(path, METAIMAGE) or beside(path, NRRD) or pixels_of_pair(path)


def format_of(head: bytes) -> Format | None:
    """Recognise a file by its first bytes."""
    return next((fmt for fmt in FORMATS if fmt.matches(head)), None)


def find_reader(path: Path, head: bytes) -> Reader:
    """Recognise a file by its content and return its reader; a suffix that contradicts it gives a warning.

    Raises
    ------
    SourceError
        When the format is unknown or can't be read.
    """
    found = format_of(head)
    if found is None:
        raise _unknown(path, head)
    if found.read is None:
        raise SourceError(str(path), f"is a {found.name} file, not a scan", f"Unpack it; readable formats are {KNOWN}")
    if found.any_name or path.name.lower().endswith(found.suffixes):
        return found.read
    return partial(_read_misnamed, found.read)


def _unknown(path: Path, head: bytes) -> SourceError:
    """Return the error for a file whose content is not a readable format."""
    other = foreign_format(head)
    if other is not None:
        return SourceError(str(path), f"is {other.name}, which is not read", other.remedy)
    suffix = path.suffix.lower()
    claimed = next((fmt.name for fmt in FORMATS if suffix and suffix in fmt.suffixes), None)
    problem = f"is named {suffix} but its content is not {claimed}" if claimed else "is not in a known format"
    return SourceError(str(path), problem, f"Convert or export it as one of {KNOWN}")


def _read_misnamed(read: Reader, path: Path, options: ReadOptions) -> Scan:
    """Read a file whose suffix contradicts its content, and say so."""
    scan = read(path, options)
    return replace(scan, warnings=(*scan.warnings, "suffix-mismatch"))
