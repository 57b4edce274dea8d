"""What no network should have to learn: specks are not lungs, small holes are, and outside air is not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..common.threads import side_by_side
from .components import Components

SMALLEST_LUNG = 0.0008
"""Components of a slice smaller than this share of the picture are dropped: 14 x 14 pixels of a 512 x 512 slice."""

SMALLEST_LUNG_IN_VOLUME = 0.05
"""Components of a volume smaller than this share of its largest are dropped: gas in stomach and bowel."""

BORDER_SHARE = 0.05
"""Components of a slice that touch the picture's border and are smaller than this share of the largest: outside air."""

LARGEST_HOLE = 0.002
"""Holes up to this share of the slice are filled: vessels, nodules, dense patches, but no dome of the diaphragm."""


def clean_mask(mask: NDArray[np.bool_], threads: int | None = None) -> NDArray[np.bool_]:
    """Drop what cannot be lung and fill small holes.

    Dropped are specks, slivers of one or two pixels, and outside air: small components at the border of the picture,
    and those that hold a corner of it while another does not.
    In a volume components are followed through the slices, so the small cross-sections at apex and base stay and gas
    below the diaphragm goes. Both lungs stay, whatever their size beside each other down to those limits.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width) or (slices, height, width)
    threads : int, optional
        To work on a volume's slices with; by default as many as this process may use.

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
    """Return the pixels whose four neighbours are all lung; what is beyond the picture counts as its border does."""
    padded = np.pad(mask, 1, mode="edge")
    return mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]


def _without_outside(parts: Components, keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop the parts in the corners, if another is left."""
    inside = keep & ~parts.at_corner()
    return inside if inside.any() else keep


def _fill_small_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if not mask.any():
        return mask
    holes = Components.of(~mask)
    return mask | holes.mask(holes.sizes <= LARGEST_HOLE * mask.size)
