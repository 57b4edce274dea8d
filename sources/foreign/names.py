"""List file formats that are not read: how to recognise each by its first bytes, and what to do instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

AS_PICTURE = "Save it as PNG or TIFF, without loss"
AS_VOLUME = "Convert it to NIfTI (.nii.gz) or MHA"
UNPACK = "Unpack it, and give the folder"
EXPORT = "Export the scan itself: DICOM at best"


@dataclass(frozen=True)
class Foreign:
    """A format that is recognised but not read.

    Parameters
    ----------
    name : str
        With its article, for messages.
    remedy : str
    matches : callable
        Takes the first bytes of a file.
    """

    name: str
    remedy: str
    matches: Callable[[bytes], bool]


def _at(place: int, *magic: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[place:].startswith(magic)


def _is_analyze(head: bytes) -> bool:
    return head[:4] in (b"\x5c\x01\0\0", b"\0\0\x01\x5c") and len(head) >= 348


FOREIGN = (
    Foreign("a GIF picture", AS_PICTURE, _at(0, b"GIF87a", b"GIF89a")),
    Foreign("a WebP picture", AS_PICTURE, lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP"),
    Foreign("a JPEG 2000 picture", AS_PICTURE, _at(0, b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")),
    Foreign("a JPEG XL picture", AS_PICTURE, _at(0, b"\xff\x0a", b"\0\0\0\x0cJXL ")),
    Foreign("a HEIC or AVIF picture", AS_PICTURE, _at(4, b"ftyphei", b"ftypmif1", b"ftypavif")),
    Foreign("a video", "Save single slices as PNG", _at(4, b"ftyp")),
    Foreign("a video", "Save single slices as PNG", lambda head: head[:4] == b"RIFF" and head[8:12] == b"AVI "),
    Foreign("a Photoshop picture", AS_PICTURE, _at(0, b"8BPS")),
    Foreign("a Netpbm picture", AS_PICTURE, _at(0, b"P5\n", b"P6\n", b"P5 ", b"P6 ", b"P2\n", b"P3\n")),
    Foreign("an FITS image", AS_VOLUME, _at(0, b"SIMPLE  =")),
    Foreign("an OpenEXR picture", AS_PICTURE, _at(0, b"\x76\x2f\x31\x01")),
    Foreign("a PDF document", EXPORT, _at(0, b"%PDF")),
    Foreign("an old Office document", EXPORT, _at(0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")),
    Foreign("an HDF5 file (also MINC and newer MATLAB files)", AS_VOLUME, _at(0, b"\x89HDF\r\n\x1a\n")),
    Foreign("a NetCDF or MINC file", AS_VOLUME, _at(0, b"CDF\x01", b"CDF\x02")),
    Foreign("a MATLAB file", "Save its array with numpy.save, or as NIfTI", _at(0, b"MATLAB 5.0 MAT-file")),
    Foreign("an Analyze 7.5 header, which doesn't give the patient's sides", AS_VOLUME, _is_analyze),
    Foreign("a RAR archive", UNPACK, _at(0, b"Rar!\x1a\x07")),
    Foreign("a 7z archive", UNPACK, _at(0, b"7z\xbc\xaf\x27\x1c")),
    Foreign("a tar archive", UNPACK, _at(257, b"ustar")),
    Foreign("a file packed by bzip2", UNPACK, _at(0, b"BZh")),
    Foreign("a file packed by xz", UNPACK, _at(0, b"\xfd7zXZ\0")),
    Foreign("a file packed by Zstandard", UNPACK, _at(0, b"\x28\xb5\x2f\xfd")),
    Foreign("a Philips PAR header", AS_VOLUME, _at(0, b"# === DATA DESCRIPTION FILE")),
    Foreign(
        "a pickle, which may hold a program", "Save its array with numpy.save", _at(0, b"\x80\x04\x95", b"\x80\x05\x95")
    ),
    Foreign("a web page", EXPORT, lambda head: head.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html"))),
)
"""Formats in the order in which they are tried."""


def foreign_format(head: bytes) -> Foreign | None:
    """Recognise a format that is not read by a file's first bytes."""
    return next((fmt for fmt in FOREIGN if fmt.matches(head)), None)


def counted(kinds: Mapping[str, int]) -> str:
    """Return counts in words, the largest first: ``2 .docx, 1 RTSTRUCT``."""
    ordered = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {kind}" for kind, count in ordered)


def kind_of_name(name: str) -> str:
    """Return the kind of a file by its name, for counts: its suffix, with the one before ``.gz`` and the like."""
    parts = name.lower().rsplit("/", 1)[-1].split(".")[1:]
    if not parts or len(parts[-1]) > 8:
        return "without a suffix"
    packed = len(parts) > 1 and parts[-1] in ("gz", "bz2", "xz", "zst") and len(parts[-2]) <= 8
    return "." + ".".join(parts[-2:] if packed else parts[-1:])
