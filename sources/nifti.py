"""Read NIfTI volumes, one file or a pair, and write masks and regions as NIfTI, through nibabel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import SourceError, explained
from .grid import Grid
from .options import DEFAULTS, ReadOptions
from .raw.nifti_file import opened_nifti
from .scan import Scan
from .volumes import RAS_TO_LPS, volume_to_scan


def read_nifti(path: Path, options: ReadOptions = DEFAULTS) -> Scan:
    """Read a NIfTI volume of any orientation.

    Parameters
    ----------
    path : Path
    options : ReadOptions

    Raises
    ------
    SourceError
        When the file is damaged, in colour, or has a fourth axis.
    """
    import nibabel

    name = str(path)
    own_errors = (nibabel.filebasedimages.ImageFileError, nibabel.spatialimages.HeaderDataError)
    with (
        explained(name, "is damaged or cut off", "Copy or export the file again", own_errors),
        opened_nifti(path, options.limits) as image,
    ):
        shape = _three_axes(name, image.shape)
        if image.get_data_dtype().fields is not None or image.get_data_dtype().kind not in "iuf":
            raise SourceError(name, f"holds {image.get_data_dtype()}, not grey values", "Export the CT itself")
        options.limits.check_shape(name, tuple(sorted(shape)))  # before unpacking; the axes are sorted out later
        values = image.dataobj.get_unscaled().reshape(shape)
        slope, offset = float(image.dataobj.slope), float(image.dataobj.inter)
        if (slope, offset) != (1, 0):
            values = np.multiply(values, np.float32(slope), dtype=np.float32)
            values += np.float32(offset)
        unplaced = not (image.header["sform_code"] or image.header["qform_code"])
        return volume_to_scan(
            values.T,
            RAS_TO_LPS @ np.asarray(image.affine, dtype=np.float64),
            options,
            source=name,
            metadata={"format": "NIfTI"},
            warnings=("unknown-orientation",) if unplaced else (),
        )


def _three_axes(name: str, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return the shape without axes of length 1 after the third."""
    padded = (*shape, 1, 1)[: max(3, len(shape))]
    if any(length != 1 for length in padded[3:]):
        raise SourceError(
            name, f"has {len(shape)} axes, shape {shape}: several volumes", "Save one volume with three axes"
        )
    return padded[0], padded[1], padded[2]


def write_nifti(path: str | Path, array: NDArray[Any], scan: Scan) -> Path:
    """Write slices of a scan, such as a mask or a region of interest, on the grid of its input.

    Parameters
    ----------
    path : path
        Ends in ``.nii`` or ``.nii.gz``.
    array : ndarray, shape (slices, height, width)
        In the scan's order; bool becomes uint8.
    scan : Scan
        The scan that it belongs to. Without a grid, as for pictures, the file gets only the spacing, 1 mm if unknown.

    Returns
    -------
    Path
    """
    import nibabel

    grid = scan.grid or _plain_grid(scan)
    own = grid.to_own(array.astype(np.uint8) if array.dtype == np.bool_ else array)
    image: Any = nibabel.Nifti1Image(own.T, RAS_TO_LPS @ grid.affine)  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm")
    image.to_filename(path)
    return Path(path)


def _plain_grid(scan: Scan) -> Grid:
    z, y, x = scan.spacing or (1.0, 1.0, 1.0)
    return Grid(np.diag([x, y, z, 1.0]), scan.shape, (0, 1, 2), (False, False, False))
