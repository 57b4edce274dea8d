"""Find connected components of masks, using the runs of pixels in each row instead of single pixels.

SciPy could label the pixels, but importing it doubles the time to the first result, and a volume's label image takes
four bytes per voxel; its runs are only a few thousand numbers per slice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Components:
    """Connected parts of a mask: pixels that share a side, in a volume also with the next slice.

    Parameters
    ----------
    shape : tuple of int
        Slices, height, width.
    start, stop : ndarray of int, shape (runs,)
        First pixel and one past the last pixel of each run, as flat indices of slices padded by one row and column.
    part : ndarray of int, shape (runs,)
        Part that each run belongs to, from 0.
    """

    shape: tuple[int, int, int]
    start: Indices
    stop: Indices
    part: Indices

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> Components:
        """Find the parts of a mask, bool (height, width) or (slices, height, width)."""
        _, height, width = shape = (1, *mask.shape)[-3:]
        row, plane = width + 1, (height + 1) * (width + 1)
        ends = [_ends(part) + index * plane for index, part in enumerate(mask.reshape(shape))]
        both = np.concatenate(ends) if ends else np.zeros(0, dtype=np.intp)
        start, stop = both[::2], both[1::2]
        first, second = (
            np.concatenate(side) for side in zip(*(_meet(start, stop, to) for to in (row, plane)), strict=True)
        )
        return cls(shape, start, stop, _join(start.size, first, second))

    @cached_property
    def count(self) -> int:
        """Number of parts."""
        return int(self.part.max(initial=-1)) + 1

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Pixels of each part."""
        return self.total(self.stop - self.start)

    def total(self, of_runs: NDArray[np.integer]) -> NDArray[np.int64]:
        """Sum a number per run over each part."""
        return np.bincount(self.part, weights=of_runs, minlength=self.count).astype(np.float64).astype(np.int64)

    def at_border(self) -> NDArray[np.bool_]:
        """Tell which parts touch the border of a slice."""
        rows, first, last = self._places()
        return self.total((rows == 0) | (rows == self.shape[1] - 1) | first | last) > 0

    def at_corner(self) -> NDArray[np.bool_]:
        """Tell which parts contain a corner of a slice."""
        rows, first, last = self._places()
        return self.total(((rows == 0) | (rows == self.shape[1] - 1)) & (first | last)) > 0

    def inner(self, pixels: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Count, for each part, the True values of `pixels`; for a single slice only."""
        return self.sum_of(pixels.astype(np.int32)).astype(np.int64)

    def sum_of(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Sum a value per pixel over each part, float64 (parts,); for a single slice only."""
        if self.start.size == 0:
            return np.zeros(0)
        padded = np.pad(values, ((0, 1), (0, 1))).ravel()
        of_runs = np.add.reduceat(padded, np.stack([self.start, self.stop], axis=1).ravel())[::2]
        return np.bincount(self.part, weights=of_runs, minlength=self.count).astype(np.float64)

    def mask(self, keep: NDArray[np.bool_], index: int = 0) -> NDArray[np.bool_]:
        """Return one slice of the mask, with only the parts to keep."""
        _, height, width = self.shape
        plane = (height + 1) * (width + 1)
        here = slice(*np.searchsorted(self.start, (index * plane, (index + 1) * plane)))
        kept = keep[self.part[here]]
        steps = np.zeros(plane + 1, dtype=np.int8)
        steps[self.start[here][kept] - index * plane] = 1
        steps[self.stop[here][kept] - index * plane] = -1
        inside = np.cumsum(steps[:-1], dtype=np.int8).view(np.bool_)
        return inside.reshape(height + 1, width + 1)[:-1, :-1].copy()

    def _places(self) -> tuple[Indices, NDArray[np.bool_], NDArray[np.bool_]]:
        """Return each run's row, and whether it begins at the first column and ends at the last."""
        _, height, width = self.shape
        rows = self.start // (width + 1) % (height + 1)
        return rows, self.start % (width + 1) == 0, self.stop % (width + 1) == width


def _ends(mask: NDArray[np.bool_]) -> Indices:
    """Return the alternating starts and ends of runs in a slice padded by an empty row and column."""
    padded = np.zeros(1 + (mask.shape[0] + 1) * (mask.shape[1] + 1), dtype=np.bool_)
    padded[1:].reshape(mask.shape[0] + 1, mask.shape[1] + 1)[:-1, :-1] = mask
    return np.flatnonzero(padded[1:] != padded[:-1])


def _meet(start: Indices, stop: Indices, distance: int) -> tuple[Indices, Indices]:
    """Return the pairs of runs that overlap when the first is shifted by a row or a slice."""
    low = np.searchsorted(stop, start + distance, side="right")
    count = np.maximum(np.searchsorted(start, stop + distance, side="left") - low, 0)
    first = np.repeat(np.arange(start.size), count)
    within = np.arange(first.size) - np.repeat(np.cumsum(count) - count, count)
    return first, low[first] + within


def _join(count: int, first: Indices, second: Indices) -> Indices:
    """Return the part of each run: let every run point to the earliest run it touches, until nothing changes."""
    points_to = np.arange(count)
    while True:
        one, other = points_to[first], points_to[second]
        if (one == other).all():
            return np.unique(points_to, return_inverse=True)[1]
        low = np.minimum(one, other)
        np.minimum.at(points_to, one, low)
        np.minimum.at(points_to, other, low)
        while (points_to[points_to] != points_to).any():
            points_to = points_to[points_to]
