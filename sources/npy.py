"""NumPy's own files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .arrays import array_to_scan
from .errors import SourceError
from .limits import check_shape
from .scan import Intensity, Scan


def read_npy(path: Path, intensity: Intensity | None = None) -> Scan:
    """Read an ``.npy`` file, by the rules of `array_to_scan`.

    The file is mapped first, so that a header with absurd sizes costs nothing. Pickled objects are refused.

    Raises
    ------
    SourceError
        When the file is damaged, holds objects, or its size is out of bounds.
    """
    name = str(path)
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        shape = mapped.shape
        check_shape(name, shape[:2] if len(shape) == 3 and shape[-1] in (3, 4) else shape)
        values = np.array(mapped)
    except SourceError:
        raise
    except (OSError, ValueError, EOFError, OverflowError, SyntaxError, TypeError) as error:
        raise SourceError(
            name, f"is not a readable NumPy array ({error})", "Save it again with numpy.save, as plain numbers"
        ) from error
    return array_to_scan(values, intensity=intensity, source=name, metadata={"format": "NPY"})
