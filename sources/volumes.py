"""Volumes that say how they lie in the patient: from a decoded array to a `Scan` in canonical order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import array_to_scan, fill_padding
from .errors import SourceError
from .grid import Grid
from .options import ReadOptions
from .scan import Scan

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From NIfTI's patient coordinates (right, front, up negative left) to those of DICOM and ITK, and back."""


def volume_to_scan(
    array: NDArray[Any],
    affine: NDArray[np.float64],
    options: ReadOptions,
    *,
    source: str,
    metadata: Mapping[str, Any],
    warnings: tuple[str, ...] = (),
) -> Scan:
    """Turn an array on a grid into a scan, its slices, rows and columns along the patient's axes.

    Parameters
    ----------
    array : ndarray, shape (slices, rows, columns) of the file, whatever the patient's axes are
        NaN is padding.
    affine : ndarray of float64, shape (4, 4)
        See `Grid`.
    options : ReadOptions
    source : str
    metadata : mapping
    warnings : tuple of str

    Raises
    ------
    SourceError
        When the affine gives no directions, or the values are no picture.
    """
    try:
        grid = Grid.of(affine, (array.shape[0], array.shape[1], array.shape[2]))
    except ValueError as error:
        raise SourceError(source, str(error), "Write it again with a proper affine, spacing and direction") from error
    if array.dtype.kind == "f":
        # Files may be mapped into memory: those are copied.
        array = array.astype(np.float32, copy=not array.flags.writeable)
        fill_padding(array)
    canonical = grid.to_canonical(array)
    options.limits.check_shape(source, canonical.shape)
    plain = array_to_scan(canonical, options, source=source, metadata=metadata, own=True)
    return Scan(
        plain.pixels,
        plain.intensity,
        spacing=grid.spacing,
        affine=grid.canonical_affine,
        source=source,
        metadata=plain.metadata,
        warnings=warnings,
        grid=grid,
    )
