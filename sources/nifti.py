"""Read NIfTI volumes, ``.nii`` and ``.nii.gz``, and write masks and regions as NIfTI, through nibabel."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import SourceError, explained
from .grid import Grid
from .options import DEFAULTS, ReadOptions
from .scan import Scan
from .volumes import RAS_TO_LPS, volume_to_scan

EVEN = 0.05
"""Slices that lie this close to where an even grid has them, in steps, are evenly spaced."""

MOST_SLICES = 2000
"""Most slices to add in gaps."""

LARGEST_OFFSET = 16 * 1024 * 1024
"""Largest size of header and extensions before the pixels, in bytes."""


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
    with explained(name, "is damaged or cut off", "Copy or export the file again", own_errors):
        _check_offset(path)
        image: Any = nibabel.load(path, mmap=False)  # if a mapped file shrank, the process would crash
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


def _check_offset(path: Path) -> None:
    """Refuse a header that puts many megabytes before the pixels, because nibabel would load them."""
    from nibabel.openers import ImageOpener

    with ImageOpener(str(path)) as file:
        head = file.read(540)
    second = head[4:8] == b"n+2\0"
    order = "<" if head[:4] in (b"\x5c\x01\0\0", b"\x1c\x02\0\0") else ">"
    (offset,) = struct.unpack_from(f"{order}{'q' if second else 'f'}", head, 168 if second else 108)
    if not 0 <= offset <= LARGEST_OFFSET:
        raise SourceError(str(path), f"has its pixels start at byte {offset:g}", "Copy or export the file again")


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
        NIfTI has evenly spaced slices only. Where those of the scan are not, the file has empty ones in the gaps, and
        each of its slices shows the nearest one of the scan.
    """
    import nibabel

    grid = scan.grid or _plain_grid(scan)
    own = grid.to_own(array.astype(np.uint8) if array.dtype == np.bool_ else array)
    if scan.spacing is not None and "slice_positions" in scan.metadata and grid.axes[0] == 0:
        own = _evenly_spaced(own, scan, flipped=grid.flipped[0])
    image: Any = nibabel.Nifti1Image(own.T, RAS_TO_LPS @ grid.affine)  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm")
    image.to_filename(path)
    return Path(path)


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
