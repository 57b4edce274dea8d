"""Sort and check the slices of a DICOM series, and stack them into one `Scan`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError, explained
from ..files import SourceFile, keeping_open
from ..grid import Grid
from ..options import DEFAULTS, ReadOptions
from ..scan import WARNINGS, Scan
from .header import read_header, unread_tags
from .image import Frame, check_is_ct, frames_of
from .order import Ordered, in_order
from .radiograph import is_radiograph, read_radiograph
from .siblings import is_part_of_series
from .values import read_values


def read_dicom(
    files: Sequence[SourceFile],
    options: ReadOptions = DEFAULTS,
    name: str | None = None,
    frames: Sequence[Frame] = (),
    doubts: Sequence[str] = (),
) -> Scan:
    """Read the files of one CT series, in any order, or a single X-ray.

    Parameters
    ----------
    files : sequence of SourceFile
        One file gives a scan of one slice, or of its frames.
    options : ReadOptions
    name : str, optional
        Name to use in messages; by default, that of the first file.
    frames : sequence of Frame
        Frames already read from the files; by default, their headers are read.
    doubts : sequence of str
        Warning codes of the search that grouped the files.

    Returns
    -------
    Scan
        Its warnings say what was doubtful: grouping, order, spacing, orientation, tags, inverted values.

    Raises
    ------
    SourceError
        When a file is damaged, or is neither a CT slice nor an X-ray; names the file.
    """
    given_alone = name is None and len(files) == 1 and files[0].member is None
    name = name or str(files[0])
    with (
        explained(name, "is a damaged DICOM file", "Copy or export it again"),
        keeping_open(files, options.limits),
    ):
        first = frames[0].header if frames else read_header(files[0], options.limits)
        if len(files) == 1 and is_radiograph(first):
            return read_radiograph(files[0], options, first)
        if given_alone and is_part_of_series(files[0].path, first):
            doubts = (*doubts, "part-of-series")
        return _read(list(frames) or _frames_of(files, first, options), options, name, doubts)


def _frames_of(files: Sequence[SourceFile], first: Any, options: ReadOptions) -> list[Frame]:
    frames: list[Frame] = []
    for number, file in enumerate(files):
        header = read_header(file, options.limits) if number else first
        check_is_ct(file, header)
        frames.extend(frames_of(file, header, options.limits))
    return frames


def _read(frames: list[Frame], options: ReadOptions, name: str, doubts: Sequence[str]) -> Scan:
    shapes = {(int(frame.header.Rows), int(frame.header.Columns)) for frame in frames}
    if len(shapes) > 1:
        raise SourceError(name, f"mixes slices of sizes {sorted(shapes)}", "Give the files of one series")
    ordered = in_order(frames)
    frames = ordered.frames
    shape = (len(frames), *shapes.pop())
    options.limits.check_shape(name, shape)
    grid = Grid.of(_affine(ordered), shape)
    plain, inverted = read_values(frames, options, name)
    spaced = frames[0].spacing is not None and ordered.step is not None
    positions = _along_patient(ordered, grid)
    found = [*doubts, *ordered.warnings]
    found += ["unreadable-tags"] if any(unread_tags(frame.header) for frame in frames) else []
    found += ["inverted"] if inverted else []
    return Scan(
        grid.to_canonical(plain.pixels),
        plain.intensity,
        spacing=grid.spacing if spaced else None,
        affine=_canonical_affine(grid, positions) if spaced and ordered.placed else None,
        source=name,
        metadata={
            **plain.metadata,
            "slice_positions": positions,
            "slice_thicknesses": tuple(frame.thickness for frame in (frames[::-1] if grid.flipped[0] else frames)),
        },
        warnings=tuple(code for code in WARNINGS if code in found),
        grid=grid,
        frames=tuple(frames),
    )


def _along_patient(ordered: Ordered, grid: Grid) -> tuple[float, ...]:
    """Return each slice's position along the patient, in mm from the first, in canonical order."""
    own = ordered.heights
    if own is None:
        return tuple(index * grid.spacing[0] for index in range(len(ordered.frames)))
    return tuple(float(position) for position in (own[-1] - own[::-1] if grid.flipped[0] else own - own[0]))


def _affine(ordered: Ordered) -> NDArray[np.float64]:
    """Return the affine from (column, row, slice) to mm.

    Without positions, a patient lying on the back, head first, is assumed, unless the directions say otherwise. Where
    slices are missing or unevenly spaced, it is exact only at the first slice: see `Scan.slice_positions`.
    """
    first = ordered.frames[0]
    rows, columns = first.spacing or (1.0, 1.0)
    affine = np.eye(4)
    directions = np.eye(3)[:2] if first.place is None else first.place.directions
    across = np.cross(directions[0], directions[1])
    step = (across if ordered.placed else np.array([0.0, 0.0, 1.0])) if ordered.step is None else ordered.step
    affine[:3, :3] = np.stack([directions[0] * columns, directions[1] * rows, step], axis=1)
    if ordered.placed and first.place is not None:
        affine[:3, 3] = first.place.position
    return affine


def _canonical_affine(grid: Grid, positions: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the affine from canonical indices to mm, with its origin at the first slice whatever is missing after."""
    affine = grid.canonical_affine
    if grid.flipped[0]:
        beyond = positions[-1] / grid.spacing[0] - (len(positions) - 1)
        affine[:3, 3] -= affine[:3, 2] * beyond
    return affine
