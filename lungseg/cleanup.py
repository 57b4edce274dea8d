"""What no network should have to learn: specks are not lungs, small holes are, and outside air is not."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

SMALLEST_LUNG = 0.0008
"""Components of a slice smaller than this share of the picture are dropped: 14 x 14 pixels of a 512 x 512 slice."""

SMALLEST_LUNG_IN_VOLUME = 0.05
"""Components of a volume smaller than this share of its largest are dropped: gas in stomach and bowel."""

BORDER_SHARE = 0.05
"""Components of a slice that touch the picture's border and are smaller than this share of the largest: outside air."""

THINNEST_LUNG = 3
"""Components of a slice that are nowhere so many pixels wide are slivers."""

LARGEST_HOLE = 0.002
"""Holes up to this share of the slice are filled: vessels, nodules, dense patches, but no dome of the diaphragm."""


def clean_mask(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop what cannot be lung and fill small holes.

    Dropped are specks, slivers, and outside air: small components at the border of the picture, and those that hold a
    corner of it while another does not.
    In a volume components are followed through the slices, so the small cross-sections at apex and base stay and gas
    below the diaphragm goes. Both lungs stay, whatever their size beside each other down to those limits.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width) or (slices, height, width)

    Returns
    -------
    ndarray of bool, same shape
    """
    from skimage.morphology import remove_small_holes

    if not mask.any():
        return mask
    kept = _drop_components(mask)
    slices = kept.reshape(-1, *mask.shape[-2:])
    limit = int(LARGEST_HOLE * slices[0].size)
    return np.stack([remove_small_holes(part, max_size=limit) for part in slices]).reshape(mask.shape)


def _drop_components(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy.ndimage import distance_transform_edt, label

    components, count = label(mask)
    areas = np.zeros(count + 1, dtype=np.int64)
    for part in components.reshape(-1, *mask.shape[-2:]):  # slice by slice: bincount copies into eight bytes a voxel
        areas += np.bincount(part.ravel(), minlength=count + 1)
    areas[0] = 0
    if mask.ndim == 2:
        keep = areas >= SMALLEST_LUNG * mask.size
        depths = np.zeros(areas.size)
        np.maximum.at(depths, components, distance_transform_edt(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1])
        keep &= 2 * depths > THINNEST_LUNG - 1
        border = np.unique([*components[0], *components[-1], *components[:, 0], *components[:, -1]])
        keep[border] &= areas[border] >= BORDER_SHARE * areas.max()
    else:
        keep = areas >= SMALLEST_LUNG_IN_VOLUME * areas.max()
    corners = [components[..., row, column] for row, column in product((0, -1), (0, -1))]
    inside = keep.copy()
    inside[np.unique(corners)] = False
    keep = inside if inside.any() else keep
    keep[0] = False
    return np.asarray(keep[components])
