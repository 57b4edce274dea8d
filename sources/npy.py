"""Read NumPy ``.npy`` files."""

from __future__ import annotations

import math
import tokenize
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .arrays import array_to_scan
from .errors import explained
from .files import BoundedFile
from .foreign.memory import in_memory
from .options import DEFAULTS, ReadOptions
from .scan import Scan

HEADER_BYTES = 65_536
"""Longest header, in bytes."""


def read_npy(path: Path, options: ReadOptions = DEFAULTS) -> Scan:
    """Read an ``.npy`` file, following the rules of `array_to_scan`.

    The header is first compared with the file size, so that an absurd size allocates no memory. Pickled objects are
    refused.

    Raises
    ------
    SourceError
        When the file is damaged, holds objects, or its size is outside the limits.
    """
    name = str(path)
    remedy = "Save it again with numpy.save, as plain numbers"
    with explained(name, "is not a readable NumPy array", remedy, (tokenize.TokenError,)):
        with path.open("rb") as file:
            shape, by_columns, dtype = _header(BoundedFile(file, name, longest=HEADER_BYTES))
            if dtype.hasobject:
                raise ValueError("it holds Python objects, not numbers")
            options.limits.check_shape(name, shape[:2] if len(shape) == 3 and shape[-1] in (3, 4) else shape)
            count = math.prod(shape)
            if count * dtype.itemsize > path.stat().st_size - file.tell():
                raise EOFError("it ends before its last value")
            values = _values(path, file, dtype, count).reshape(shape, order="F" if by_columns else "C")
        return array_to_scan(values, options, source=name, metadata={"format": "NPY"})


def _values(path: Path, file: BinaryIO, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    """Return the values that follow the header."""
    if in_memory(path):
        return np.frombuffer(file.read(count * dtype.itemsize), dtype, count)
    return np.fromfile(file, dtype, count)


def _header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, whether it is in Fortran order, and type, and leave the file at its first value."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)
