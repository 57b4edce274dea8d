"""NumPy's own files."""

from __future__ import annotations

import tokenize
from pathlib import Path

import numpy as np

from .arrays import array_to_scan
from .errors import explained
from .options import DEFAULTS, ReadOptions
from .scan import Scan


def read_npy(path: Path, options: ReadOptions = DEFAULTS) -> Scan:
    """Read an ``.npy`` file, by the rules of `array_to_scan`.

    The file is mapped first, so that a header with absurd sizes costs nothing. Pickled objects are refused.

    Raises
    ------
    SourceError
        When the file is damaged, holds objects, or its size is out of bounds.
    """
    name = str(path)
    remedy = "Save it again with numpy.save, as plain numbers"
    with explained(name, "is not a readable NumPy array", remedy, (tokenize.TokenError,)):
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        shape = mapped.shape
        options.limits.check_shape(name, shape[:2] if len(shape) == 3 and shape[-1] in (3, 4) else shape)
        return array_to_scan(np.array(mapped), options, source=name, metadata={"format": "NPY"})
