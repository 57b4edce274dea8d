"""What no network should have to learn: specks are not lungs, and small holes are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SMALLEST_LUNG = 0.003
"""Smaller components than this share of the picture are dropped: 28 x 28 pixels of a 512 x 512 slice."""

LARGEST_HOLE = 0.001
"""Holes up to this share of the picture are filled: vessels and nodules, but not the dome of the diaphragm."""


def clean_mask(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop specks and fill small holes in the lung mask of one slice.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)

    Returns
    -------
    ndarray of bool, shape (height, width)
    """
    from skimage.morphology import remove_small_holes, remove_small_objects

    if not mask.any():
        return mask
    kept = remove_small_objects(mask, max_size=int(SMALLEST_LUNG * mask.size))
    return np.asarray(remove_small_holes(kept, max_size=int(LARGEST_HOLE * mask.size)), dtype=np.bool_)
