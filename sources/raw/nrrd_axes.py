"""Interpret the axes of NRRD files: which are spatial, and how they lie in the patient."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError
from ..grid import UNKNOWN_ORIENTATION, UNKNOWN_SPACING, is_default
from .header import BLANKS, Header, shown

Vector = list[float] | None
"""A direction or a position; None where the header has ``none`` or NaN."""

VECTOR = re.compile(r"[ \t]*(?:(none)(?![^ \t])|\(([^()]*)\))[ \t]*")
QUOTED = re.compile(r'[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*')

TO_LPS = {
    "rightanteriorsuperior": (-1, -1, 1),
    "ras": (-1, -1, 1),
    "leftanteriorsuperior": (1, -1, 1),
    "las": (1, -1, 1),
    "leftposteriorsuperior": (1, 1, 1),
    "lps": (1, 1, 1),
}
"""Signs that turn coordinates into x to the patient's left, y to the back, z to the head."""

OF_NOBODY = ("scannerxyz", "3drighthanded", "3dlefthanded")
"""Spaces that don't say how the patient lies."""

OF_TIME = ("rightanteriorsuperiortime", "rast", "leftanteriorsuperiortime", "last", "leftposteriorsuperiortime", "lpst",
           "scannerxyztime", "scannerxyzt", "3drighthandedtime", "3dlefthandedtime")  # fmt: skip

PLACES = ("domain", "space", "time", "???", "none")
VALUES = re.compile(
    r"list|point|(covariant-|contravariant-)?vector|normal|stub|scalar|complex|quaternion|[2-4]-vector|"
    r"3-(gradient|normal)|[34]-color|(rgba?|hsv)(-?color)?|xyz-color|"
    r"[23]d-(masked-)?(sym(metric)?-)?(matrix|tensor)"
)
"""Kinds of axes: `PLACES` are positions or not specified, `VALUES` are the components of one pixel."""


@dataclass(frozen=True)
class Space:
    """The coordinate system of the axes.

    Parameters
    ----------
    to_lps : tuple of int
        Signs of the coordinates.
    known : bool
        Whether it says how the patient lies.
    directions : list of Vector or None
        Direction of each axis in mm; None if the header has none.
    """

    to_lps: tuple[int, int, int]
    known: bool
    directions: list[Vector] | None


def space_of(header: Header) -> Space:
    """Return the header's space and the directions of its axes.

    Raises
    ------
    SourceError
        When the space is unknown or doesn't have three dimensions.
    """
    to_lps, known = (1, 1, 1), False
    if "space" in header.values:
        word = re.sub(f"[{BLANKS}-]", "", header.values["space"]).lower()
        if word not in TO_LPS and word not in OF_NOBODY:
            problem = "has a fourth dimension" if word in OF_TIME else "is not supported"
            raise header.error("space", f"is {shown(header.values['space'])}, which {problem}")
        to_lps, known = TO_LPS.get(word, to_lps), word in TO_LPS
    if "space dimension" in header.values:
        header.integer("space dimension", 3, 3)
    directions = None
    if "space directions" in header.values:
        directions = _vectors(header, "space directions", header.integer("dimension", 1, 16))
    return Space(to_lps, known, directions)


def spatial_axes(header: Header, sizes: list[int], space: Space) -> list[int]:
    """Return the three spatial axes; any others must have length 1.

    Raises
    ------
    SourceError
        For more or fewer axes, or several values per pixel.
    """
    kinds = ["???"] * len(sizes)
    if "kinds" in header.values:
        kinds = [kind.lower() for kind in header.words("kinds", len(sizes))]
    axes, values = [], 1
    for axis, kind in enumerate(kinds):
        directed = space.directions is None or space.directions[axis] is not None
        if kind not in PLACES and not VALUES.fullmatch(kind):
            raise header.error("kinds", f"holds {shown(kind)}, which is not supported")
        if kind in PLACES and directed:
            axes.append(axis)
        else:
            values *= sizes[axis]
    if len(axes) != 3 or values != 1:
        raise SourceError(
            header.name,
            f"has {len(axes)} axes and {values} values per pixel",
            "Give one volume with three axes and one value per pixel",
        )
    return axes


def affine_of(
    header: Header, sizes: list[int], axes: list[int], space: Space
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return the affine from (column, row, slice) indices to mm, and the warnings about what the header doesn't say.

    Raises
    ------
    SourceError
    """
    affine, origin = np.eye(4), [0.0, 0.0, 0.0]
    lengths = _units(header, "units", len(sizes), axes)
    scale = _units(header, "space units", 3, [0, 1, 2])
    spacings = [header.reals("spacings", len(sizes), missing=True)[axis] for axis in axes]
    if "space origin" in header.values:
        origin = _vectors(header, "space origin", 1)[0] or origin
    if space.directions is None:
        affine[:3, :3] = np.diag([1.0 if math.isnan(step) else step for step in spacings])
        affine[:3, 3] = _corner(header, sizes, axes, spacings)
        affine[:3] *= np.reshape(lengths, (3, 1))
        default = any(math.isnan(step) for step in spacings) or spacings == [1.0] * 3
    else:
        if lengths != [1.0] * 3 or not all(map(math.isnan, spacings)):
            raise header.error("space directions", "can't be combined with spacings or units of the same axes")
        affine[:3, :3] = np.transpose([space.directions[axis] for axis in axes])
        default = is_default(affine) and not any(origin)
        affine[:3, :3] *= np.reshape(scale, (3, 1))
    if "space origin" in header.values:
        affine[:3, 3] = np.multiply(origin, scale)
    placed = space.known and space.directions is not None and not default
    unknown = (*(() if placed else (UNKNOWN_ORIENTATION,)), *((UNKNOWN_SPACING,) if default else ()))
    return np.diag([*space.to_lps, 1.0]) @ affine, unknown


def _corner(header: Header, sizes: list[int], axes: list[int], spacings: list[float]) -> list[float]:
    """Return the first pixel's centre, from the axes' minimum and their maximum or spacing."""
    least, most = (header.reals(key, len(sizes), missing=True) for key in ("axis mins", "axis maxs"))
    centers = header.words("centerings", len(sizes)) if "centerings" in header.values else ["cell"] * len(sizes)
    corner = []
    for axis, spacing in zip(axes, spacings, strict=True):
        step = (most[axis] - least[axis]) / sizes[axis] if math.isnan(spacing) else spacing
        corner.append(least[axis] + step * (0 if centers[axis].lower() == "node" else 0.5))
    return corner if all(map(math.isfinite, corner)) else [0.0, 0.0, 0.0]


def _vectors(header: Header, key: str, count: int) -> list[Vector]:
    """Return a key's value as `count` vectors of three numbers, each in parentheses."""
    found: list[Vector] = []
    said, place = header.values[key], 0
    while place < len(said) and len(found) <= count:
        match = VECTOR.match(said, place)
        if match is None:
            raise header.error(key, f"holds {shown(said[place:])}, not a vector such as (1,0,0)")
        found.append(_vector(header, key, match[2]))
        place = match.end()
    if len(found) != count:
        raise header.error(key, f"holds {len(found)} vectors instead of {count}")
    return found


def _vector(header: Header, key: str, inside: str | None) -> Vector:
    if inside is None:
        return None
    words = [word.strip(BLANKS) for word in inside.split(",")]
    if len(words) != 3:
        raise header.error(key, f"holds a vector of {len(words)} numbers instead of 3")
    numbers = [header.real(key, word, missing=True) for word in words]
    if all(map(math.isnan, numbers)):
        return None
    if any(map(math.isnan, numbers)):
        raise header.error(key, "holds an incomplete vector")
    return numbers


def _units(header: Header, key: str, count: int, axes: list[int]) -> list[float]:
    """Return the units of the given axes in mm; the key must list `count` units."""
    if key not in header.values:
        return [1.0] * len(axes)
    found: list[str] = []
    said, place = header.values[key], 0
    while (match := QUOTED.match(said, place)) and len(found) < count:
        found.append(match[1])
        place = match.end()
    if len(found) != count or place != len(said):
        raise header.error(key, f"is not a list of {count} words in quotes")
    return [header.unit(key, found[axis]) for axis in axes]
