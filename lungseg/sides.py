"""Right and left lung: labels for a mask of both."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..common.threads import side_by_side
from .components import Components

RIGHT, LEFT = 1, 2
"""Labels of the patient's right and left lung, as lungmask gives them."""

BLOCK = 4
"""Side in pixels of the squares on which the cut between the lungs is searched."""

DEEP_VALLEY = 0.2
"""Least depth of the mediastinum in the number of lung pixels per column, as a share of the largest number."""

WHOLE = 0.9
"""A connected part with at least this share on one side of the cut belongs entirely to that side."""

FROM_MIDDLE = 1.0
"""Cost per square of moving the cut away from the mediastinum by the width of the picture; cutting lung costs 1."""


def left_and_right(mask: NDArray[np.bool_], threads: int | None = None) -> NDArray[np.uint8]:
    """Label the patient's right lung 1 and left lung 2.

    Columns run from the patient's right to the left, as in every `Scan` whose input states the orientation. Each slice
    is cut from front to back along the path that crosses the least lung and stays near the mediastinum. Parts that lie
    almost entirely on one side are not cut, so the cut only matters where the lungs touch. In a volume, all slices
    together show where the mediastinum is, so a slice with a single lung is labelled correctly too.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width) or (slices, height, width)
    threads : int, optional
        By default as many as this process may use.

    Returns
    -------
    ndarray of uint8, same shape
        0 outside, 1 right, 2 left.
    """
    volume = mask.reshape(-1, *mask.shape[-2:])
    labels = np.zeros(volume.shape, dtype=np.uint8)
    if not volume.any():
        return labels.reshape(mask.shape)
    middle = _mediastinum(volume.sum(axis=(0, 1)))

    def label(index: int) -> None:
        rows = np.flatnonzero(volume[index].any(axis=1))
        if rows.size:
            part = slice(rows[0], rows[-1] + 1)
            labels[index, part] = _label_slice(volume[index, part], middle)

    for _ in side_by_side(label, range(len(volume)), threads):
        pass
    return labels.reshape(mask.shape)


def _mediastinum(columns: NDArray[np.integer]) -> float:
    """Return the column between the lungs: the deepest valley in the number of lung pixels, else the middle."""
    left, right = np.maximum.accumulate(columns), np.maximum.accumulate(columns[::-1])[::-1]
    depth = np.minimum(left, right).astype(float) - columns
    deepest = depth.max()
    if deepest < DEEP_VALLEY * columns.max():
        return len(columns) / 2
    return float(np.flatnonzero(depth > 0.9 * deepest).mean())


def _label_slice(mask: NDArray[np.bool_], middle: float) -> NDArray[np.uint8]:
    on_right = np.arange(mask.shape[1]) < _cut(mask, middle)[:, None]
    parts = Components.of(mask)
    share = parts.inner(mask & on_right) / parts.sizes
    right = parts.mask(share >= WHOLE)
    cut = (share < WHOLE) & (share > 1 - WHOLE)
    if cut.any():
        right |= parts.mask(cut) & on_right
    return LEFT * mask.view(np.uint8) - right.view(np.uint8)  # RIGHT is LEFT - 1


def _cut(mask: NDArray[np.bool_], middle: float) -> NDArray[np.float64]:
    """Return the column of the cut in each row: the cheapest path from front to back, by dynamic programming."""
    blocks = mask[::BLOCK, ::BLOCK]
    rows, columns = blocks.shape
    away = np.abs(np.arange(columns) + 0.5 - middle / BLOCK) / columns
    cost = blocks + FROM_MIDDLE * away
    came_from = np.zeros((rows, columns), dtype=np.intp)
    total = np.full(columns + 2, np.inf)  # infinite beyond both ends
    total[1:-1] = cost[0]
    here = np.arange(columns)
    for row in range(1, rows):
        step = np.where(total[:-2] < total[2:], -1, 1)
        beside = np.minimum(total[:-2], total[2:])
        straight = total[1:-1] <= beside
        came_from[row] = here + np.where(straight, 0, step)
        total[1:-1] = cost[row] + np.where(straight, total[1:-1], beside)
    way = np.empty(rows, dtype=np.intp)
    way[-1] = total[1:-1].argmin()
    for row in range(rows - 1, 0, -1):
        way[row - 1] = came_from[row, way[row]]
    return np.repeat((way + 0.5) * BLOCK, BLOCK)[: mask.shape[0]]
