"""Read NIfTI volumes, one file or a pair, and write masks and regions as NIfTI, through nibabel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import SourceError, explained
from .grid import UNKNOWN_ORIENTATION, UNKNOWN_SPACING, Grid, is_default
from .options import DEFAULTS, ReadOptions
from .raw.nifti_file import opened_nifti
from .scan import Scan
from .volumes import RAS_TO_LPS, volume_to_scan

MM_BY_UNIT = {1: 1000.0, 2: 1.0, 3: 1e-3}
"""Millimetres in the units of ``xyzt_units``: metres, millimetres and micrometres; by default millimetres."""

FREE_TEXT = ("descrip", "aux_file", "db_name", "data_type", "intent_name")
"""Fields that may hold anything, a patient's name too."""

EVEN = 0.05
"""Slices that lie this close to where an even grid has them, in steps, are evenly spaced."""

MOST_SLICES = 2000
"""Most slices to add in gaps."""


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
        opened_nifti(path, options.limits) as (image, steps),
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
        affine, warnings = _affine_of(image.header, steps)
        return volume_to_scan(
            values.T,
            affine,
            options,
            source=name,
            metadata={"format": "NIfTI"},
            warnings=warnings,
            header=image.header.binaryblock,
        )


def _affine_of(header: Any, steps: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return the affine to mm as in DICOM and ITK, and the warnings about what the header doesn't say.

    Parameters
    ----------
    header : nibabel.Nifti1Header
    steps : ndarray of float64, shape (3,)
        The distances in the file; nibabel replaces 0 by 1.
    """
    affine = np.asarray(header.get_best_affine(), dtype=np.float64)
    placed = bool(header["sform_code"] or header["qform_code"])
    default = is_default(affine) if placed else bool((steps == 1).all())
    unspaced = default or not (header["sform_code"] or (np.isfinite(steps) & (steps != 0)).all())
    affine[:3] *= MM_BY_UNIT.get(int(header["xyzt_units"]) & 7, 1.0)
    unknown = (UNKNOWN_ORIENTATION,) if default or not placed else ()
    return RAS_TO_LPS @ affine, (*unknown, *((UNKNOWN_SPACING,) if unspaced else ()))


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
        The scan that it belongs to. If it was read from NIfTI, the file gets the input's own header: dimensions,
        position, codes and units. Without a grid, as for pictures, the file gets only the spacing, 1 mm if unknown.

    Returns
    -------
    Path
        NIfTI has evenly spaced slices only. Where those of the scan are not, the file has empty ones in the gaps, and
        each of its slices shows the nearest one of the scan.
    """
    import nibabel

    grid = scan.grid or _plain_grid(scan)
    own = grid.to_own(array.astype(np.uint8) if array.dtype == np.bool_ else array)
    if grid.header:
        image: Any = _with_header(own.T, grid.header)
    else:
        if scan.spacing is not None and "slice_positions" in scan.metadata and grid.axes[0] == 0:
            own = _evenly_spaced(own, scan, flipped=grid.flipped[0])
        image = nibabel.Nifti1Image(own.T, RAS_TO_LPS @ grid.affine)  # type: ignore[no-untyped-call]
        image.header.set_xyzt_units("mm")
    image.to_filename(path)
    return Path(path)


def _with_header(own: NDArray[Any], block: bytes) -> Any:
    """Return an image that has the dimensions, position, codes and units of an input's header."""
    import nibabel

    kinds: Any = (nibabel.Nifti1Image, nibabel.Nifti2Image)
    kind = kinds[len(block) == kinds[1].header_class.sizeof_hdr]
    header = kind.header_class(block, check=False)
    shape = header.get_data_shape()
    for field in FREE_TEXT:
        if field in header:
            header[field] = b""
    for field in ("cal_min", "cal_max", "intent_code", "vox_offset"):
        header[field] = 0
    header["magic"] = kind.header_class.single_magic
    header.set_data_dtype(own.dtype)
    header.set_slope_inter(1, 0)
    return kind(own.reshape(shape), None, header)


def _evenly_spaced(own: NDArray[Any], scan: Scan, *, flipped: bool) -> NDArray[Any]:
    """Return slices, in the input's own order, put where a grid of evenly spaced slices has them."""
    positions, depths = scan.slice_positions, scan.slice_depths
    if flipped:
        positions, depths = positions[-1] - positions[::-1], depths[::-1]
    step = float(scan.spacing[0]) if scan.spacing else 1.0
    count = round(float(positions[-1]) / step) + 1
    if count == len(own) and np.abs(positions - step * np.arange(count)).max() <= EVEN * step:
        return own
    if count > MOST_SLICES + len(own):
        raise SourceError(
            scan.source, f"has slices {positions[-1]:.0f} mm apart, too far for one NIfTI file", "Write DICOM SEG"
        )
    wanted = step * np.arange(count)
    nearest = np.abs(wanted[:, None] - positions).argmin(axis=1)
    reached = np.abs(wanted - positions[nearest]) <= np.maximum(depths[nearest], step) / 2 + EVEN * step
    spread = np.full((count, *own.shape[1:]), own.min() if own.dtype.kind == "f" else 0, dtype=own.dtype)
    spread[reached] = own[nearest[reached]]
    return spread


def _plain_grid(scan: Scan) -> Grid:
    z, y, x = scan.spacing or (1.0, 1.0, 1.0)
    return Grid(np.diag([x, y, z, 1.0]), scan.shape, (0, 1, 2), (False, False, False))
