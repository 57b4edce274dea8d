"""The file formats we know: how each looks from its first bytes, and who reads it.

DICOM and NIfTI are recognised, so that the message can say what to do; their readers get a row here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .errors import SourceError
from .npy import read_npy
from .pictures import read_picture
from .scan import Intensity, Scan
from .tiff import read_tiff

Reader = Callable[[Path, Intensity | None], Scan]

HEAD_BYTES = 352
"""Enough of a file to know it: NIfTI's magic ends at byte 348."""


@dataclass(frozen=True)
class Format:
    """One file format.

    Parameters
    ----------
    name : str
        As people call it.
    suffixes : tuple of str
        Lower case, with the dot; the first is the usual one.
    matches : callable
        Whether the first `HEAD_BYTES` bytes of a file are of this format.
    read : callable or None
        Reader of a path; None where this version can't read the format.
    """

    name: str
    suffixes: tuple[str, ...]
    matches: Callable[[bytes], bool]
    read: Reader | None


def _starts(*magic: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magic)


FORMATS: tuple[Format, ...] = (
    Format("PNG", (".png",), _starts(b"\x89PNG\r\n\x1a\n"), read_picture),
    Format("JPEG", (".jpg", ".jpeg", ".jpe"), _starts(b"\xff\xd8\xff"), read_picture),
    Format("TIFF", (".tif", ".tiff"), _starts(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), read_tiff),
    Format("NumPy", (".npy",), _starts(b"\x93NUMPY"), read_npy),
    Format("DICOM", (".dcm", ".dicom", ""), lambda head: head[128:132] == b"DICM", None),
    Format("NIfTI", (".nii", ".nii.gz"), lambda head: head[344:348] in (b"n+1\0", b"ni1\0"), None),
    Format("gzip", (".gz",), _starts(b"\x1f\x8b"), None),
)


def readable_suffixes() -> tuple[str, ...]:
    """Return the suffixes of files that can be read, to search folders with."""
    return tuple(suffix for fmt in FORMATS if fmt.read for suffix in fmt.suffixes)


def find_reader(path: Path, head: bytes) -> Reader:
    """Recognise a file by its content, check that its suffix agrees, and return what reads it.

    Raises
    ------
    SourceError
        When the content is of no known format, of one that can't be read, or not what the suffix says.
    """
    known = ", ".join(fmt.name for fmt in FORMATS if fmt.read)
    found = next((fmt for fmt in FORMATS if fmt.matches(head)), None)
    suffix = path.suffix.lower()
    if found is None:
        claimed = next((fmt.name for fmt in FORMATS if suffix and suffix in fmt.suffixes), None)
        problem = f"is named {suffix} but is no {claimed} file" if claimed else "is in no format known here"
        raise SourceError(str(path), problem, f"Convert or export it as one of {known}")
    if found.read is None:
        raise SourceError(
            str(path),
            f"is a {found.name} file, which this version doesn't read",
            f"Convert it to one of {known}; arrays in Hounsfield units go in with intensity='hu'",
        )
    if suffix not in found.suffixes:
        raise SourceError(
            str(path),
            f"is named {suffix or 'without a suffix'} but holds a {found.name} file",
            f"Rename it to {path.with_suffix(found.suffixes[0]).name}",
        )
    return found.read
