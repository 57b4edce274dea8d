"""Find the padding outside the reconstructed circle of a DICOM image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .image import Frame


def padding_of(frame: Frame, values: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which stored values are padding outside the reconstructed circle, bool (rows, columns)."""
    first = frame.header.get("PixelPaddingValue")
    if first in (None, "") or values.dtype.kind not in "iu":
        return np.zeros(values.shape, dtype=np.bool_)
    last = frame.header.get("PixelPaddingRangeLimit")
    last = first if last is None else last
    # Some writers give a negative padding value as the unsigned number with the same bits.
    bits = 8 * values.dtype.itemsize
    ends = sorted(_as_stored(int(end), bits, signed=values.dtype.kind == "i") for end in (first, last))
    return np.asarray((values >= ends[0]) & (values <= ends[1]))


def _as_stored(value: int, bits: int, *, signed: bool) -> int:
    wrapped = value % (1 << bits)
    return wrapped - (1 << bits) if signed and wrapped >> (bits - 1) else wrapped
