"""Sort and check the slices of a DICOM series, and stack them into one `Scan`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError, explained
from ..files import SourceFile, keeping_open
from ..grid import Grid
from ..options import DEFAULTS, ReadOptions
from ..scan import Scan
from .header import read_header
from .image import SAME_DIRECTION, Frame, Place, check_is_ct, frames_of
from .radiograph import is_radiograph, read_radiograph
from .values import read_values

SAME_PLACE = 0.01
"""Slices closer together than this, in mm, are duplicates."""

UNEVEN = 0.05
"""Gaps between slices may differ by this fraction of the median gap."""

TILT = 1.0
"""The gantry counts as tilted when slice normal and stacking direction differ by more than this, in degrees."""


def read_dicom(
    files: Sequence[SourceFile],
    options: ReadOptions = DEFAULTS,
    name: str | None = None,
    frames: Sequence[Frame] = (),
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

    Returns
    -------
    Scan
        Warnings: ``duplicate-slices`` (left out), ``missing-slices``,
        ``uneven-spacing``, ``gantry-tilt``, ``unknown-orientation``, ``inverted`` (turned back).

    Raises
    ------
    SourceError
        When a file is damaged, or is neither a CT slice nor an X-ray; names the file.
    """
    name = name or str(files[0])
    with (
        explained(name, "is a damaged DICOM file", "Copy or export it again"),
        keeping_open(files, options.limits),
    ):
        first = frames[0].header if frames else read_header(files[0], options.limits)
        if len(files) == 1 and is_radiograph(first):
            return read_radiograph(files[0], options, first)
        return _read(list(frames) or _frames_of(files, first, options), options, name)


def _frames_of(files: Sequence[SourceFile], first: Any, options: ReadOptions) -> list[Frame]:
    frames: list[Frame] = []
    for number, file in enumerate(files):
        header = read_header(file, options.limits) if number else first
        check_is_ct(file, header)
        frames.extend(frames_of(file, header, options.limits))
    return frames


def _read(frames: list[Frame], options: ReadOptions, name: str) -> Scan:
    frames, warnings = _arrange(frames)
    shapes = {(int(frame.header.Rows), int(frame.header.Columns)) for frame in frames}
    if len(shapes) > 1:
        raise SourceError(name, f"mixes slices of sizes {sorted(shapes)}", "Give the files of one series")
    shape = (len(frames), *shapes.pop())
    options.limits.check_shape(name, shape)
    grid = Grid.of(_affine(frames), shape)
    plain, inverted = read_values(frames, options, name)
    deep = frames[0].thickness is not None or (len(frames) > 1 and _places(frames) is not None)
    spaced = frames[0].spacing is not None and deep
    return Scan(
        grid.to_canonical(plain.pixels),
        plain.intensity,
        spacing=grid.spacing if spaced else None,
        affine=grid.canonical_affine if spaced and frames[0].place else None,
        source=name,
        metadata={**plain.metadata, "slice_positions": _positions(frames, grid)},
        warnings=(*warnings, *(("inverted",) if inverted else ())),
        grid=grid,
        frames=tuple(frames),
    )


def _positions(frames: list[Frame], grid: Grid) -> tuple[float, ...]:
    """Return each slice's position along the patient, in mm from the first, in canonical order."""
    places = _places(frames)
    if places is None:
        return tuple(index * grid.spacing[0] for index in range(len(frames)))
    own = np.array([place.beyond(places[0]) for place in places])
    return tuple(float(position) for position in (own[-1] - own[::-1] if grid.flipped[0] else own))


def _places(frames: list[Frame]) -> list[Place] | None:
    """Return the places of all slices; None if one is missing."""
    places = [frame.place for frame in frames if frame.place is not None]
    return places if len(places) == len(frames) else None


def _arrange(frames: list[Frame]) -> tuple[list[Frame], list[str]]:
    """Return the frames sorted and without duplicates, and the warnings."""
    places = _places(frames)
    if places is None:
        return sorted(frames, key=lambda frame: frame.order), ["unknown-orientation"]
    first = places[0]
    if any(np.abs(place.directions - first.directions).max() > SAME_DIRECTION for place in places):
        raise SourceError(
            str(frames[0].file), "is in a series with slices of other directions", "Give the files of one series"
        )
    heights = [place.beyond(first) for place in places]
    order = sorted(range(len(frames)), key=lambda index: (round(heights[index] / SAME_PLACE), frames[index].order))
    kept = order[:1]
    for index in order[1:]:
        if heights[index] - heights[kept[-1]] > SAME_PLACE:
            kept.append(index)
    warnings = ["duplicate-slices"] if len(kept) < len(frames) else []
    return [frames[index] for index in kept], warnings + _unevenness([places[index] for index in kept])


def _unevenness(places: list[Place]) -> list[str]:
    """Return the warnings about the distances between consecutive slices."""
    gaps = np.array([after.beyond(before) for before, after in pairwise(places)])
    if gaps.size == 0:
        return []
    typical = float(np.median(gaps))
    steps = np.maximum(1, np.rint(gaps / typical))
    way = places[-1].position - places[0].position
    tilt = np.degrees(np.arccos(min(1.0, float(gaps.sum()) / float(np.linalg.norm(way)))))
    found = {
        "missing-slices": (steps > 1).any(),
        "uneven-spacing": (np.abs(gaps - steps * typical) > UNEVEN * typical * steps).any(),
        "gantry-tilt": tilt > TILT,
    }
    return [warning for warning, is_so in found.items() if is_so]


def _affine(frames: list[Frame]) -> NDArray[np.float64]:
    """Return the affine from (column, row, slice) to mm.

    Without positions, a patient lying on the back, head first, is assumed. For unevenly spaced slices the affine is
    exact only at the first and the last.
    """
    places, first = _places(frames), frames[0]
    rows, columns = first.spacing or (1.0, 1.0)
    affine = np.eye(4)
    if places is None:
        affine[:3, :3] = np.diag([columns, rows, first.thickness or 1.0])
        return affine
    step = places[0].normal * (first.thickness or 1.0)
    if len(places) > 1:
        step = (places[-1].position - places[0].position) / (len(places) - 1)
    affine[:3, :3] = np.stack([places[0].directions[0] * columns, places[0].directions[1] * rows, step], axis=1)
    affine[:3, 3] = places[0].position
    return affine
