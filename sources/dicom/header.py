"""A DICOM file's header: read, bounded, and decoded as far as it is used."""

from __future__ import annotations

import zlib
from typing import Any, BinaryIO

from ..errors import SourceError, explained
from ..files import SourceFile
from ..limits import Limits

DEFLATED = b"1.2.840.10008.1.2.1.99"
"""Transfer syntax of files compressed as a whole."""

USED = (
    "AcquisitionNumber",
    "BitsAllocated",
    "BitsStored",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "ImageType",
    "InstanceNumber",
    "Modality",
    "NumberOfFrames",
    "PhotometricInterpretation",
    "PixelPaddingRangeLimit",
    "PixelPaddingValue",
    "PixelRepresentation",
    "PixelSpacing",
    "RescaleIntercept",
    "RescaleSlope",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "SeriesDescription",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SliceThickness",
    "WindowCenter",
    "WindowWidth",
)
"""Attributes that reading looks at, the functional groups apart."""

META_START = 144
"""Where a DICOM file's own header starts, after preamble, magic, and the header's length."""


def read_header(file: SourceFile, limits: Limits) -> Any:
    """Return a DICOM file's header, a pydicom.Dataset without pixels.

    Raises
    ------
    SourceError
        When the file is damaged.
    """
    import pydicom

    damaged = ("is a damaged DICOM file", "Copy or export it again", pydicom_errors())
    with explained(str(file), *damaged), file.open(limits) as opened:
        _check_deflated(str(file), opened, limits)
        header = pydicom.dcmread(opened, stop_before_pixels=True, force=True)
        _decode(header)
        return header


def _decode(header: Any) -> None:
    """Decode now what is used later, so that damage shows here; the rest of a header takes far longer."""
    for name in USED:
        header.get(name)
    for name in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
        for item in header.get(name) or ():
            item.walk(lambda *_: None)


def _check_deflated(name: str, opened: BinaryIO, limits: Limits) -> None:
    """Refuse a deflated file that unpacks to more than allowed: pydicom unpacks it whole."""
    head = opened.read(1024)
    if DEFLATED in head and head[128:136] == b"DICM\x02\0\0\0":
        opened.seek(META_START + int.from_bytes(head[META_START - 4 : META_START], "little"))
        unpacked = zlib.decompressobj(-zlib.MAX_WBITS).decompress(opened.read(), limits.max_member_bytes)
        if len(unpacked) >= limits.max_member_bytes:
            raise SourceError(name, f"unpacks to more than {limits.max_member_bytes} bytes", "Export it uncompressed")
    opened.seek(0)


def syntax_of(header: Any) -> Any:
    """Return the transfer syntax, a pydicom UID; None for a bare file."""
    meta = getattr(header, "file_meta", None)
    return None if meta is None else meta.get("TransferSyntaxUID")


def pydicom_errors() -> tuple[type[Exception], ...]:
    """Return the errors of pydicom that are of no common kind."""
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return InvalidDicomError, BytesLengthException
