"""Define `Grid`, how an input's array lies in the patient, and say how much of the patient each slice counts for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value", bound=np.generic)

DEFAULTS = ((1, 1, 1, 1), (-1, -1, 1, 1))

UNKNOWN_ORIENTATION, UNKNOWN_SPACING = "unknown-orientation", "unknown-spacing"
"""Warning codes for what a file doesn't say."""

GAP = 1.5
"""A gap of more than this many usual steps has slices missing from it."""


@dataclass(frozen=True, eq=False)
class Grid:
    """The input's own array of slices, rows and columns.

    Parameters
    ----------
    affine : ndarray of float64, shape (4, 4)
        From the input's own (column, row, slice) indices to mm: x to the patient's left, y to the back, z to the head.
    shape : tuple of int
        The input's own (slices, rows, columns).
    axes : tuple of int
        Which of the input's axes becomes the canonical slices, rows and columns.
    flipped : tuple of bool
        Whether each of them, in canonical order, runs in the opposite direction.
    header : bytes
        The header of a NIfTI input, so that masks get the same; empty for other formats.

    Raises
    ------
    ValueError
        From `of`, when the affine is singular or not finite.
    """

    affine: NDArray[np.float64]
    shape: tuple[int, int, int]
    axes: tuple[int, int, int]
    flipped: tuple[bool, bool, bool]
    header: bytes = b""

    @classmethod
    def of(cls, affine: NDArray[np.float64], shape: tuple[int, int, int]) -> Grid:
        """Return the grid whose canonical axes are closest to the patient's."""
        from nibabel.orientations import io_orientation

        _check_directions(affine)
        orientation = io_orientation(affine)  # type: ignore[no-untyped-call]
        world = [int(axis) for axis in orientation[:, 0]]
        # Arrays have slices first, affines columns first: axis n here is axis 2 - n there.
        own = [world.index(2 - axis) for axis in range(3)]
        return cls(
            affine,
            shape,
            (2 - own[0], 2 - own[1], 2 - own[2]),
            (orientation[own[0], 1] < 0, orientation[own[1], 1] < 0, orientation[own[2], 1] < 0),
        )

    @classmethod
    def in_file_order(cls, affine: NDArray[np.float64], shape: tuple[int, int, int]) -> Grid:
        """Return the grid of an input that doesn't say how it lies in the patient.

        Its order is kept, except that the slices come first: if only two axes are of the same length, the third one
        is that of the slices.
        """
        _check_directions(affine)
        slices, rows, columns = shape
        axes = (0, 1, 2)
        if slices == rows != columns:
            axes = (2, 0, 1)
        elif slices == columns != rows:
            axes = (1, 0, 2)
        return cls(affine, shape, axes, (False, False, False))

    @property
    def canonical_affine(self) -> NDArray[np.float64]:
        """Affine from canonical (column, row, slice) indices to mm."""
        change = np.zeros((4, 4))
        change[3, 3] = 1
        for axis, (own, flip) in enumerate(zip(self.axes, self.flipped, strict=True)):
            change[2 - own, 2 - axis] = -1 if flip else 1
            change[2 - own, 3] = self.shape[own] - 1 if flip else 0
        return np.asarray(self.affine @ change)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between neighbours in mm, canonical (z, y, x); z is measured across the slice planes."""
        affine = self.canonical_affine[:3, :3]
        x, y = (float(np.linalg.norm(affine[:, axis])) for axis in (0, 1))
        normal = np.cross(affine[:, 0], affine[:, 1])
        return float(abs(affine[:, 2] @ normal) / np.linalg.norm(normal)), y, x

    def to_canonical(self, array: NDArray[Value]) -> NDArray[Value]:
        """Return a view of the input's own array (slices, rows, columns) in canonical order."""
        return array.transpose(self.axes)[self._flips]

    def to_own(self, array: NDArray[Value]) -> NDArray[Value]:
        """Return a view of a canonical array in the input's own order."""
        return array[self._flips].transpose(np.argsort(self.axes))

    @property
    def _flips(self) -> tuple[slice, ...]:
        return tuple(slice(None, None, -1 if flip else 1) for flip in self.flipped)


def _check_directions(affine: NDArray[np.float64]) -> None:
    linear = affine[:3, :3]
    if not np.isfinite(affine).all() or abs(np.linalg.det(linear)) <= 1e-12 * np.abs(linear).max() ** 3:
        raise ValueError("its affine gives no directions")


def is_default(affine: NDArray[np.float64]) -> bool:
    """Tell whether an affine says nothing: steps of 1 along the axes from the origin, as programs write by default.

    Parameters
    ----------
    affine : ndarray of float64, shape (4, 4)
        As in the file, in any unit. Both defaults count: that of NIfTI (right, anterior), and that of ITK.
    """
    return any(np.allclose(affine, np.diag(signs), rtol=0, atol=1e-6) for signs in DEFAULTS)


def usual_step(positions: NDArray[np.float64]) -> float:
    """Return the usual distance between neighbours in mm: the median gap, of an even number the lower one.

    Parameters
    ----------
    positions : ndarray of float64, shape (slices,)
        In mm, sorted either way; at least two.
    """
    gaps = np.sort(np.abs(np.diff(positions)))
    return float(gaps[(len(gaps) - 1) // 2])


def mean_step(positions: NDArray[np.float64]) -> float:
    """Return the mean distance between neighbours in mm, without gaps where slices are missing."""
    gaps = np.abs(np.diff(positions))
    return float(gaps[gaps <= GAP * usual_step(positions)].mean())


def depths_of(positions: NDArray[np.float64], thicknesses: Sequence[float | None] = ()) -> NDArray[np.float64]:
    """Return how far each slice reaches along the body: half way to its neighbours, but never beyond the usual step.

    So a stray slice, or one beside a gap, counts no more than the others. A slice thicker than the usual step may
    count for its thickness.

    Parameters
    ----------
    positions : ndarray of float64, shape (slices,)
        In mm, sorted either way; at least two.
    thicknesses : sequence of float or None
        Slice thickness in mm; None where unknown. May be empty.

    Returns
    -------
    ndarray of float64, shape (slices,)
        In mm.
    """
    gaps = np.abs(np.diff(positions))
    most = np.full(len(positions), GAP * usual_step(positions))
    usual = np.full(len(positions), usual_step(positions))
    if len(thicknesses) == len(positions):
        usual = np.maximum(usual, [thickness or 0.0 for thickness in thicknesses])
        most = np.maximum(most, usual)
    before, after = np.r_[gaps[:1], gaps], np.r_[gaps, gaps[-1:]]
    sides = [np.where(side <= most, side, usual) for side in (before, after)]
    return np.asarray((sides[0] + sides[1]) / 2)
