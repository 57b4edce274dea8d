"""Put the slices of a DICOM series in order: by position, else by slice location, else by number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError
from ..grid import GAP, mean_step, usual_step
from .acquisitions import SAME_PLACE
from .facts import same_spacing
from .image import SAME_DIRECTION, Frame, Place

UNEVEN = 0.05
"""Gaps between slices may differ by this fraction of the usual gap."""

TILT = 1.0
"""The gantry counts as tilted when slice normal and stacking direction differ by more than this, in degrees."""


@dataclass(frozen=True)
class Ordered:
    """Slices in order.

    Parameters
    ----------
    frames : list of Frame
    heights : ndarray of float64, shape (slices,), or None
        Where each slice lies along the patient, mm; None if no tag says.
    step : ndarray of float64, shape (3,), or None
        From one slice to the next, mm, where none is missing; None where the depth is unknown.
    placed : bool
        Whether the slices' positions are known.
    warnings : list of str
    """

    frames: list[Frame]
    heights: NDArray[np.float64] | None
    step: NDArray[np.float64] | None
    placed: bool
    warnings: list[str]


def in_order(frames: list[Frame]) -> Ordered:
    """Return the frames of a series in order, and without those that repeat a position.

    Raises
    ------
    SourceError
        When they have several directions or pixel spacings, or several slices at most positions.
    """
    places = [frame.place for frame in frames if frame.place is not None]
    _check_alike(frames, places)
    zeroed = sum(not place.position.any() for place in places) > 1
    if len(places) == len(frames) and not zeroed:
        heights = np.array([place.beyond(places[0]) for place in places])
        if len(frames) == 1 or np.ptp(heights) > SAME_PLACE:
            return _by_position(frames, places, heights)
    return _without_positions(frames, deep=zeroed or len(places) < len(frames))


def _check_alike(frames: list[Frame], places: list[Place]) -> None:
    problem = None
    if any(np.abs(place.directions - places[0].directions).max() > SAME_DIRECTION for place in places):
        problem = "is in a series with slices of other directions"
    elif not all(same_spacing(frames[0].spacing, frame.spacing) for frame in frames):
        problem = "is in a series with slices of other pixel spacings"
    if problem:
        raise SourceError(str(frames[0].file), problem, "Give the files of one series")


def _by_position(frames: list[Frame], places: list[Place], heights: NDArray[np.float64]) -> Ordered:
    order = sorted(
        range(len(frames)), key=lambda index: (round(float(heights[index]) / SAME_PLACE), frames[index].order)
    )
    kept = order[:1]
    for index in order[1:]:
        if heights[index] - heights[kept[-1]] > SAME_PLACE:
            kept.append(index)
    if len(kept) * 2 <= len(frames) and len(frames) > 1:
        raise SourceError(
            str(frames[0].file),
            "is in a series with several slices at most positions, and no tag tells its acquisitions apart",
            "Export each acquisition as a series of its own",
        )
    warnings = ["duplicate-slices"] if len(kept) < len(frames) else []
    own, own_places, own_heights = [frames[index] for index in kept], [places[index] for index in kept], heights[kept]
    if len(kept) == 1:
        depth = own[0].thickness
        return Ordered(own, own_heights, None if depth is None else own_places[0].normal * depth, True, warnings)
    way = own_places[-1].position - own_places[0].position
    step = way / (own_heights[-1] - own_heights[0]) * mean_step(own_heights)
    return Ordered(own, own_heights, step, True, warnings + _unevenness(own_heights, way))


def _without_positions(frames: list[Frame], *, deep: bool) -> Ordered:
    """Order slices whose positions are missing or the same; `deep` if they may be one slice thickness apart."""
    warnings = ["unknown-orientation"]
    heights = None
    locations = [frame.location for frame in frames if frame.location is not None]
    depth = frames[0].thickness if deep else None
    own = sorted(frames, key=lambda frame: frame.order)
    if len(locations) == len(frames) and len(set(locations)) > len(frames) / 2:
        own = sorted(frames, key=lambda frame: (frame.location, frame.order))
        warnings.append("ordered-by-location")
        if len(set(locations)) == len(frames) > 1:
            heights = np.array(sorted(locations))
            depth = mean_step(heights)
    elif len(frames) > 1:
        warnings.append("ordered-by-number")
        depth = None if locations and len(locations) == len(frames) else depth  # they say: all at one place
    return Ordered(own, heights, None if depth is None else np.array([0.0, 0.0, depth]), False, warnings)


def _unevenness(heights: NDArray[np.float64], way: NDArray[np.float64]) -> list[str]:
    """Return the warnings about the distances between consecutive slices."""
    gaps, usual = np.diff(heights), usual_step(heights)
    steps = np.maximum(1, np.rint(gaps / usual))
    tilt = np.degrees(np.arccos(min(1.0, float(gaps.sum()) / float(np.linalg.norm(way)))))
    found = {
        "missing-slices": (gaps > GAP * usual).any(),
        "uneven-spacing": (np.abs(gaps - steps * usual) > UNEVEN * usual * steps).any(),
        "gantry-tilt": tilt > TILT,
    }
    return [warning for warning, is_so in found.items() if is_so]
