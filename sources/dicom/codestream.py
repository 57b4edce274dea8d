"""Read the picture size from the first bytes of compressed pixels: JPEG, JPEG-LS and JPEG 2000.

A decoder allocates memory for the size in the codestream, whatever the DICOM header around it says.
"""

from __future__ import annotations

import struct
from typing import Any

J2K_START, J2K_SIZE = b"\xff\x4f\xff\x51", struct.Struct(">HHIIII")
"""Start of a JPEG 2000 codestream, then length, capabilities, width, height and offsets (ISO/IEC 15444-1, A.5.1)."""

JP2_BOX = b"\x00\x00\x00\x0cjP  "
"""Start of a JP2 file, which contains a codestream further on."""

JPEG_START = b"\xff\xd8"

FRAME_HEADERS = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
"""JPEG markers that give the size (ISO/IEC 10918-1, B.2.2), including that of JPEG-LS."""

ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length."""


def check_syntax(file: Any, index: int) -> None:
    """Set a file's transfer syntax to what its codestream is, if that is another kind of JPEG, or JPEG 2000.

    A decoder of another kind may return garbage.

    Parameters
    ----------
    file : pydicom.Dataset
        A compressed DICOM file.
    index : int
        Frame, from 0.
    """
    from pydicom import uid
    from pydicom.encaps import get_frame

    stream = get_frame(file.PixelData, index, number_of_frames=int(file.get("NumberOfFrames") or 1))
    said = file.file_meta.TransferSyntaxUID
    if stream.startswith((J2K_START, JP2_BOX)):
        found = [*uid.JPEG2000TransferSyntaxes, uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K], uid.JPEG2000
    else:
        marker = _frame_header(stream)
        if marker is None:
            return
        found = {
            0xC0: ([uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit], uid.JPEGBaseline8Bit),
            0xC1: ([uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit], uid.JPEGExtended12Bit),
            0xC3: ([uid.JPEGLossless, uid.JPEGLosslessSV1], uid.JPEGLossless),
            0xF7: (uid.JPEGLSTransferSyntaxes, uid.JPEGLSNearLossless),
        }.get(stream[marker + 1], ([said], said))
    if said not in found[0]:
        file.file_meta.TransferSyntaxUID = found[1]


def size_of(codestream: bytes) -> tuple[int, int] | None:
    """Return the rows and columns of a codestream; None if it is neither JPEG nor JPEG 2000, or is cut off."""
    if codestream.startswith(JP2_BOX):
        codestream = codestream[codestream.find(J2K_START) :]
    if codestream.startswith(J2K_START) and len(codestream) >= len(J2K_START) + J2K_SIZE.size:
        _, _, width, height, left, top = J2K_SIZE.unpack_from(codestream, len(J2K_START))
        return height - top, width - left
    marker = _frame_header(codestream)
    if marker is None:
        return None
    height, width = struct.unpack_from(">HH", codestream, marker + 5)
    return height, width


def _frame_header(codestream: bytes) -> int | None:
    """Return where the marker of a JPEG's frame header is; None if there is none."""
    if not codestream.startswith(JPEG_START):
        return None
    place = len(JPEG_START)
    while place + 9 <= len(codestream):
        if codestream[place] != 0xFF:
            return None
        marker = codestream[place + 1]
        if marker == 0xFF:  # fill
            place += 1
        elif marker in ALONE:
            place += 2
        elif marker in FRAME_HEADERS:
            return place
        else:
            place += 2 + max(2, int.from_bytes(codestream[place + 2 : place + 4], "big"))
    return None


def check_codestream(file: Any, index: int) -> None:
    """Refuse a frame whose codestream has another size than the header; run-length encoded frames are not checked.

    Parameters
    ----------
    file : pydicom.Dataset
        A compressed DICOM file.
    index : int
        Frame, from 0.

    Raises
    ------
    ValueError
        For a different size, and for frames without one.
    """
    from pydicom.encaps import get_frame
    from pydicom.uid import RLELossless

    if file.file_meta.TransferSyntaxUID == RLELossless:
        return
    stream = get_frame(file.PixelData, index, number_of_frames=int(file.get("NumberOfFrames") or 1))
    wanted = int(file.Rows), int(file.Columns)
    found = size_of(stream)
    if found != wanted:
        said = "no size" if found is None else f"{found[1]} x {found[0]} pixels"
        raise ValueError(f"the compressed picture gives {said}, the header {wanted[1]} x {wanted[0]}")
