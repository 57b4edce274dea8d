"""Turn decoded arrays that come with an affine into a `Scan` in canonical order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import array_to_scan, fill_padding
from .errors import SourceError
from .grid import UNKNOWN_ORIENTATION, UNKNOWN_SPACING, Grid
from .options import ReadOptions
from .scan import Scan

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Converts between NIfTI's patient coordinates (right, anterior, superior) and those of DICOM and ITK."""


def volume_to_scan(
    array: NDArray[Any],
    affine: NDArray[np.float64],
    options: ReadOptions,
    *,
    source: str,
    metadata: Mapping[str, Any],
    warnings: tuple[str, ...] = (),
    header: bytes = b"",
) -> Scan:
    """Turn an array with an affine into a scan whose axes follow the patient's.

    Parameters
    ----------
    array : ndarray, shape (slices, rows, columns) in the file, however they lie in the patient
        NaN is padding.
    affine : ndarray of float64, shape (4, 4)
        See `Grid`.
    options : ReadOptions
    source : str
    metadata : mapping
    warnings : tuple of str
        With ``unknown-orientation`` the array is kept in file order, with ``unknown-spacing`` the scan has no spacing.
    header : bytes
        See `Grid`.

    Raises
    ------
    SourceError
        When the affine is singular or not finite, or the values can't be a picture.
    """
    try:
        place = Grid.in_file_order if UNKNOWN_ORIENTATION in warnings else Grid.of
        grid = replace(place(affine, (array.shape[0], array.shape[1], array.shape[2])), header=header)
    except ValueError as error:
        raise SourceError(source, str(error), "Write it again with a proper affine, spacing and direction") from error
    if array.dtype.kind == "f":
        # A memory-mapped array is read-only, so it is copied.
        array = array.astype(np.float32, copy=not array.flags.writeable)
        fill_padding(array)
    canonical = grid.to_canonical(array)
    options.limits.check_shape(source, canonical.shape)
    plain = array_to_scan(canonical, options, source=source, metadata=metadata, own=True)
    spaced = UNKNOWN_SPACING not in warnings
    return Scan(
        plain.pixels,
        plain.intensity,
        spacing=grid.spacing if spaced else options.spacing,
        affine=grid.canonical_affine if spaced else None,
        source=source,
        metadata=plain.metadata,
        warnings=warnings,
        grid=grid,
    )
