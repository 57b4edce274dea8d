"""Read DICOM headers within limits, and decode the attributes that are used."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, BinaryIO

from ..errors import DECODER_ERRORS, SourceError, explained
from ..files import BoundedFile, SourceFile
from ..limits import Limits
from .decoding import unpacked

USED = (
    "AcquisitionNumber",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
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
    "SliceLocation",
    "SliceThickness",
    "VOILUTFunction",
    "WindowCenter",
    "WindowWidth",
)
"""Attributes that readers use, apart from the functional groups."""

UNNEEDED = frozenset(
    {
        "AcquisitionNumber",
        "ImageOrientationPatient",
        "ImagePositionPatient",
        "InstanceNumber",
        "PixelSpacing",
        "SeriesNumber",
        "SliceLocation",
        "SliceThickness",
        "VOILUTFunction",
        "WindowCenter",
        "WindowWidth",
    }
)
"""Attributes that the pixels don't need: one that can't be decoded counts as missing."""

TEXTS = frozenset({"SeriesNumber", "VOILUTFunction"})
"""Those of them that may be any text; the others are numbers."""

MOST_READS = 200_000
"""Most read calls for one header; an element takes one or two. The largest enhanced CT known here needs a tenth."""

MOST_BYTES = 65_536
"""Largest value of an attribute that readers use, apart from sequences."""

FRAME_BYTES = 16_384
"""Most bytes in the functional groups of one frame."""

SWAPPED = 0x0800
"""What the first group of attributes, 8, is taken for in the wrong byte order."""

SEQUENCES = ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence")


class _DeflatedError(Exception):
    """The whole file is compressed: pydicom would unpack it in one step, whatever its size."""


class _Header(BoundedFile):
    """A file whose header pydicom reads element by element."""

    def read(self, count: int = -1) -> bytes:
        """Return bytes; pydicom asks for the whole rest only of a deflated file."""
        if count is None or count < 0:
            raise _DeflatedError
        return super().read(count)


def read_header(file: SourceFile, limits: Limits) -> Any:
    """Return a DICOM file's header, a pydicom.Dataset without pixels.

    Raises
    ------
    SourceError
        When the file is damaged, or its header has implausibly many elements.
    """
    with file.open(limits) as opened:
        return _read(file, opened, limits, pixels=False)


def whole_of(file: SourceFile, opened: BinaryIO, limits: Limits) -> Any:
    """Return a whole file with its pixels, a pydicom.Dataset, unpacked if deflated and with a transfer syntax set.

    Raises
    ------
    SourceError
        As for `read_header`.
    """
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    opened.seek(0)
    whole = _read(file, opened, limits, pixels=True)
    if syntax_of(whole) is None:  # a bare file: pydicom detects its encoding while reading
        implicit, little = whole.original_encoding
        whole.ensure_file_meta()
        whole.file_meta.TransferSyntaxUID = (
            ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        )
    elif syntax_of(whole).is_deflated:
        whole.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    elif contradicts_syntax(whole):
        explicit = syntax_of(whole).is_implicit_VR
        whole.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if explicit else ImplicitVRLittleEndian
    return whole


def contradicts_syntax(header: Any) -> bool:
    """Tell whether the elements of an uncompressed file have another encoding than its transfer syntax says."""
    from pydicom.dataelem import RawDataElement

    syntax = syntax_of(header)
    found = (raw.is_implicit_VR for raw in header.values() if isinstance(raw, RawDataElement))
    return not syntax.is_compressed and next(found, syntax.is_implicit_VR) != syntax.is_implicit_VR


def _read(file: SourceFile, opened: BinaryIO, limits: Limits, *, pixels: bool) -> Any:
    import pydicom
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    damaged = ("is a damaged DICOM file", "Copy or export it again", pydicom_errors())
    with explained(str(file), *damaged), without_quotes():
        try:
            bounded: Any = _Header(opened, str(file), reads=MOST_READS)
            dataset = pydicom.dcmread(bounded, stop_before_pixels=not pixels, force=True)
        except _DeflatedError:
            opened.seek(0)
            plain: Any = _Header(io.BytesIO(unpacked(opened.read(), limits)), str(file), reads=MOST_READS)
            dataset = pydicom.dcmread(plain, stop_before_pixels=not pixels, force=True)
            dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian  # what the file on disk is
        dataset.buffer = None  # the open file, which can't be pickled; everything is read by now
        if next((tag.group for tag in dataset.keys()), 0) == SWAPPED:  # noqa: SIM118 - values would be decoded
            raise SourceError(str(file), "has another byte order than its transfer syntax says", "Export it again")
        _decode(file, dataset)
        return dataset


@contextmanager
def without_quotes() -> Iterator[None]:
    """Keep what pydicom warns of from the screen and from logs: it quotes values, which may be a patient's."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"pydicom\.")
        yield


def _decode(file: SourceFile, header: Any) -> None:
    """Decode the used attributes now, so that damage shows here; decoding the whole header takes far longer."""
    unread: list[str] = []
    for name in USED:
        _check_length(file, header, name, MOST_BYTES)
        if tag_of(name) in header:
            _decode_one(header, name, unread)
    frames = min(max(1, int(header.get("NumberOfFrames") or 1)), MOST_READS)
    for name in SEQUENCES:
        _check_length(file, header, name, MOST_BYTES + FRAME_BYTES * frames)
        for item in header.get(name) or ():
            _decode_item(item, unread)
    if unread:
        header.unread_tags = tuple(unread)


def _decode_one(header: Any, name: str, unread: list[str]) -> None:
    """Decode an attribute; delete one that can't be, if the pixels don't need it, and add its name to `unread`."""
    try:
        value = header[tag_of(name)].value
        if name in UNNEEDED and name not in TEXTS:
            _as_numbers(header, name, value)
    except DECODER_ERRORS + pydicom_errors():
        if name not in UNNEEDED:
            raise
        delattr(header, name)
        unread.append(name)


def _as_numbers(header: Any, name: str, value: Any) -> None:
    """Check that a value is made of numbers, and turn text into them, which has the wrong value representation."""
    if isinstance(value, str) and value.strip():
        numbers = [float(one) for one in value.split("\\")]
        header.add_new(name, "FD", numbers if len(numbers) > 1 else numbers[0])
    elif value not in (None, ""):
        for one in value if hasattr(value, "__iter__") else (value,):
            float(one)


def _decode_item(item: Any, unread: list[str]) -> None:
    """Decode a functional group and all that it contains."""
    from pydicom.datadict import keyword_for_tag

    for tag in list(item.keys()):
        name = keyword_for_tag(tag)
        if name in UNNEEDED:
            _decode_one(item, name, unread)
        elif item[tag].VR == "SQ":
            for inner in item[tag].value:
                _decode_item(inner, unread)


@lru_cache(maxsize=256)
def tag_of(name: str) -> Any:
    """Return an attribute's tag, a pydicom BaseTag; looking it up in every header takes longer than all else."""
    from pydicom.tag import Tag

    return Tag(name)


def unread_tags(header: Any) -> tuple[str, ...]:
    """Return the names of attributes that `read_header` could not decode and left out."""
    return tuple(getattr(header, "unread_tags", ()))


def _check_length(file: SourceFile, header: Any, name: str, most: int) -> None:
    """Refuse a value that is far too long before decoding it: it could hold any number of elements."""
    raw = header.get_item(tag_of(name))
    if isinstance(getattr(raw, "value", None), bytes) and len(raw.value) > most:
        raise SourceError(str(file), f"has {len(raw.value)} bytes of {name}", "Export it again")


def syntax_of(header: Any) -> Any:
    """Return the transfer syntax, a pydicom UID; None for a bare file."""
    meta = getattr(header, "file_meta", None)
    return None if meta is None else meta.get("TransferSyntaxUID")


def is_compressed(header: Any) -> bool:
    """Tell whether a file's transfer syntax says that its pixels are compressed, apart from the whole file."""
    syntax = syntax_of(header)
    return syntax is not None and bool(syntax.is_compressed) and not syntax.is_deflated


def pydicom_errors() -> tuple[type[Exception], ...]:
    """Return pydicom's own exceptions, which derive from no built-in error we catch."""
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return InvalidDicomError, BytesLengthException
