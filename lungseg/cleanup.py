"""Clean up lung masks by simple rules: drop specks and outside air, and fill small holes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..common.threads import side_by_side
from .components import Components

SMALLEST_LUNG = 0.0008
"""Components of a slice smaller than this share of the picture are dropped: 14 x 14 pixels of a 512 x 512 slice."""

SMALLEST_LUNG_IN_VOLUME = 0.05
"""Components of a volume smaller than this share of the largest are dropped: gas in stomach and bowel."""

BORDER_SHARE = 0.05
"""Components of a slice that touch the border and are smaller than this share of the largest are outside air."""

LARGEST_HOLE = 0.002
"""Holes up to this share of the slice are filled: vessels, nodules, dense patches, but not the diaphragm's dome."""


def clean_mask(mask: NDArray[np.bool_], threads: int | None = None) -> NDArray[np.bool_]:
    """Drop components that can't be lung, and fill small holes.

    This drops specks, slivers one or two pixels wide, and outside air: small components at the picture's border, and
    components that contain a corner, if another component doesn't.
    In a volume, components extend across slices, so the small cross-sections at apex and base stay and gas below the
    diaphragm goes. Both lungs are kept, however different in size, down to these limits.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width) or (slices, height, width)
    threads : int, optional
        Number of threads for a volume's slices; by default, as many as this process may use.

    Returns
    -------
    ndarray of bool, same shape
    """
    if not mask.any():
        return mask
    parts = Components.of(mask)
    if mask.ndim == 2:
        return _fill_small_holes(parts.mask(_lungs_of_slice(parts, mask)))
    keep = _without_outside(parts, parts.sizes >= SMALLEST_LUNG_IN_VOLUME * parts.sizes.max())
    cleaned = np.empty_like(mask)

    def clean(index: int) -> None:
        cleaned[index] = _fill_small_holes(parts.mask(keep, index))

    for _ in side_by_side(clean, range(len(mask)), threads):
        pass
    return cleaned


def _lungs_of_slice(parts: Components, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    keep = (parts.sizes >= SMALLEST_LUNG * mask.size) & (parts.inner(_inside(mask)) > 0)
    keep &= ~parts.at_border() | (parts.sizes >= BORDER_SHARE * parts.sizes.max())
    return _without_outside(parts, keep)


def _inside(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels whose four neighbours are all lung; outside the picture, its border is repeated."""
    padded = np.pad(mask, 1, mode="edge")
    return mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]


def _without_outside(parts: Components, keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop the parts in the corners, unless there are no others."""
    inside = keep & ~parts.at_corner()
    return inside if inside.any() else keep


def _fill_small_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if not mask.any():
        return mask
    holes = Components.of(~mask)
    return mask | holes.mask(holes.sizes <= LARGEST_HOLE * mask.size)
