"""Compressed DICOM in a cell: pixels decoded, deflated files unpacked; see `lungct.sources.cell`."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cell import CELLS
from ..limits import Limits
from .codestream import check_codestream

USUAL_GROWTH = 4
"""So many times larger is a deflated file, unpacked, at most; more is allowed to small ones."""

UNPACKED_BYTES = 16 * 1024 * 1024

ANSWER = "lungct.sources.dicom.decoding:answer"
"""What answers in a cell."""


def answer(content: bytes, index: int | None = None, most: int = 0) -> NDArray[np.generic]:
    """Decode one frame, or unpack a deflated file: what runs in the cell.

    Parameters
    ----------
    content : bytes
        The whole file.
    index : int, optional
        Frame, from 0; without it the file is unpacked.
    most : int
        Bytes that it may unpack to.

    Returns
    -------
    ndarray
        Pixels, (rows, columns); of an unpacked file its bytes, uint8 (n,).

    Raises
    ------
    ValueError
        When a frame is of another size than the header says, or the file unpacks to too much.
    """
    from pydicom.pixels.utils import pixel_array
    from pydicom.uid import ExplicitVRLittleEndian

    whole = _parsed(content)
    if index is not None:
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
    """Return a file's elements; a file of many frames is asked about many times."""
    import pydicom

    return pydicom.dcmread(io.BytesIO(content), force=True)


def unpacked(content: bytes, limits: Limits) -> bytes:
    """Return a deflated file as an uncompressed one.

    Raises
    ------
    RuntimeError
        When it is damaged or unpacks to more than allowed.
    """
    expected = USUAL_GROWTH * len(content) + UNPACKED_BYTES
    with CELLS.holding(ANSWER, content, expected) as ask:
        return ask(most=limits.max_member_bytes).tobytes()


def bytes_of_frame(header: Any) -> int:
    """Return how many bytes a frame takes when it is decoded."""
    return int(header.Rows) * int(header.Columns) * int(header.get("SamplesPerPixel") or 1) * 8
