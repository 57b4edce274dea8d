"""Decode compressed DICOM pixels and unpack deflated files in a cell; see `lungct.sources.cell`."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cell import CELLS
from ..limits import Limits
from .codestream import check_codestream, check_syntax

USUAL_GROWTH = 4
"""How many times larger a deflated file may become when unpacked; small files may grow more."""

UNPACKED_BYTES = 16 * 1024 * 1024

ANSWER = "lungct.sources.dicom.decoding:answer"
"""The function that a cell calls."""


def answer(content: bytes, index: int | None = None, most: int = 0) -> NDArray[np.generic]:
    """Decode one frame, or unpack a deflated file. Runs in the cell.

    Parameters
    ----------
    content : bytes
        The whole file.
    index : int, optional
        Frame, counted from 0; without it, the file is unpacked.
    most : int
        Largest number of bytes that the file may unpack to.

    Returns
    -------
    ndarray
        Pixels, (rows, columns); or the bytes of the unpacked file, uint8 (n,).

    Raises
    ------
    ValueError
        When a frame's size differs from the header's, or the file unpacks to too many bytes.
    """
    from pydicom.pixels.utils import pixel_array
    from pydicom.uid import ExplicitVRLittleEndian

    whole = _parsed(content)
    if index is not None:
        check_syntax(whole, index)
        check_codestream(whole, index)
        return np.asarray(pixel_array(whole, index=index))
    plain = io.BytesIO()
    whole.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    whole.save_as(plain, enforce_file_format=False)
    if plain.tell() > most:
        raise ValueError(f"it unpacks to more than {most} bytes")
    return np.frombuffer(plain.getbuffer(), dtype=np.uint8)


@lru_cache(maxsize=1)
def _parsed(content: bytes) -> Any:
    """Return a parsed file, cached because a file of many frames is requested many times."""
    import pydicom

    return pydicom.dcmread(io.BytesIO(content), force=True)


def unpacked(content: bytes, limits: Limits) -> bytes:
    """Return a deflated file as an uncompressed one.

    Raises
    ------
    RuntimeError
        When it is damaged or unpacks to more bytes than allowed.
    """
    expected = USUAL_GROWTH * len(content) + UNPACKED_BYTES
    with CELLS.holding(ANSWER, content, expected) as ask:
        return ask(most=limits.max_member_bytes).tobytes()


def bytes_of_frame(header: Any) -> int:
    """Return the number of bytes of a decoded frame."""
    return int(header.Rows) * int(header.Columns) * int(header.get("SamplesPerPixel") or 1) * 8
