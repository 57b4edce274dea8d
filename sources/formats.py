"""The file formats we know: how each looks from its first bytes, and who reads it."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .dicom.series import read_dicom
from .errors import SourceError
from .files import SourceFile
from .metaimage import METAIMAGE, read_metaimage
from .nifti import read_nifti
from .npy import read_npy
from .nrrd import NRRD, read_nrrd
from .options import ReadOptions
from .pictures import read_picture
from .raw.volume import pixels_beside as beside
from .scan import Scan
from .tiff import read_tiff

Reader = Callable[[Path, ReadOptions], Scan]

HEAD_BYTES = 552
"""Enough of a file to know it: NIfTI's magic ends at byte 348, that of a compressed one is found in 540."""


@dataclass(frozen=True)
class Format:
    """One file format.

    Parameters
    ----------
    name : str
        As people call it.
    listed : str
        Its word in lists of what can be read; empty where another row's stands for it.
    suffixes : tuple of str
        Lower case, with the dot; the first is the usual one.
    matches : callable
        Whether the first `HEAD_BYTES` bytes of a file are of this format.
    read : callable or None
        Reader of a path; None where several scans may be inside, see `lungct.sources.folder`.
    many : bool
        Whether files hold many slices, or may.
    any_name : bool
        Whether files go by any name: those of DICOM often have numbers for a suffix, or none.
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
    """Recognise DICOM: with its preamble, or bare, starting with an early element of group 8 or 2."""
    if head[128:132] == b"DICM":
        return True
    group, element, length = head[:2], head[2:4], head[4:8]
    early = group in (b"\x08\x00", b"\x02\x00") and element in (b"\x00\x00", b"\x01\x00", b"\x05\x00", b"\x08\x00")
    return early and (length[:2].isalpha() or length[2:] == b"\0\0")


def _is_nifti(head: bytes) -> bool:
    return head[344:348] in (b"n+1\0", b"ni1\0") or head[4:8] == b"n+2\0"


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
    Format("NRRD", "NRRD", (".nrrd", ".nhdr"), _starts(b"NRRD000"), read_nrrd, many=True),
    Format("MetaImage", "MHA", (".mha", ".mhd"), _is_metaimage, read_metaimage, many=True),
    Format("PNG", "PNG", (".png",), _starts(b"\x89PNG\r\n\x1a\n"), read_picture),
    Format("JPEG", "JPEG", (".jpg", ".jpeg", ".jpe"), _starts(b"\xff\xd8\xff"), read_picture),
    Format("TIFF", "TIFF", (".tif", ".tiff"), _starts(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), read_tiff),
    Format("NumPy", "NPY", (".npy",), _starts(b"\x93NUMPY"), read_npy),
    Format("ZIP", "", (".zip",), _starts(b"PK\x03\x04", b"PK\x05\x06"), None, many=True),
    Format("gzip", "", (".gz",), _starts(b"\x1f\x8b"), None),
)
"""Every format there is. To add one, write its reader and its row: messages, ``--help`` and pages take it from here."""

KNOWN = ", ".join(fmt.listed for fmt in FORMATS if fmt.listed)
"""What can be read, in words."""


def readable_suffixes() -> tuple[str, ...]:
    """Return the usual suffixes of files that can be read."""
    return tuple(suffix for fmt in FORMATS if fmt.read for suffix in fmt.suffixes)


def may_hold_many(name: str) -> bool:
    """Tell by its name whether a file holds many slices, or may."""
    return name.lower().endswith(tuple(suffix for fmt in FORMATS if fmt.many for suffix in fmt.suffixes))


def pixels_beside(path: Path) -> Path | None:
    """Return the file that holds the pixels of a header, ``.mhd`` or ``.nhdr``; None for all other files."""
    return beside(path, METAIMAGE) or beside(path, NRRD)


def format_of(head: bytes) -> Format | None:
    """Recognise a file by its first bytes."""
    return next((fmt for fmt in FORMATS if fmt.matches(head)), None)


def find_reader(path: Path, head: bytes) -> Reader:
    """Recognise a file by its content, check that its suffix agrees, and return what reads it.

    Raises
    ------
    SourceError
        When the content is of no known format, of one that can't be read, or not what the suffix says.
    """
    found = format_of(head)
    if found is None:
        suffix = path.suffix.lower()
        claimed = next((fmt.name for fmt in FORMATS if suffix and suffix in fmt.suffixes), None)
        problem = f"is named {suffix} but is no {claimed} file" if claimed else "is in no format known here"
        raise SourceError(str(path), problem, f"Convert or export it as one of {KNOWN}")
    if found.read is None:
        raise SourceError(str(path), f"is a {found.name} file, but no scan", f"Unpack it; known are {KNOWN}")
    if not found.any_name and not path.name.lower().endswith(found.suffixes):
        raise SourceError(
            str(path),
            f"is named {path.suffix.lower() or 'without a suffix'} but holds a {found.name} file",
            f"Rename it to {path.with_suffix(found.suffixes[0]).name}",
        )
    return found.read
