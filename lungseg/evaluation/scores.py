"""Measure how well a mask agrees with a drawn one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def dice(found: NDArray[np.bool_], drawn: NDArray[np.bool_]) -> float:
    """Return the Dice coefficient; 1 if both masks are empty."""
    total = int(found.sum()) + int(drawn.sum())
    return 1.0 if total == 0 else 2 * int((found & drawn).sum()) / total


def overlap_scores(found: NDArray[np.bool_], drawn: NDArray[np.bool_]) -> dict[str, float]:
    """Return Dice, Jaccard, sensitivity and specificity of two masks of the same shape; NaN if undefined."""
    both, either = int((found & drawn).sum()), int((found | drawn).sum())
    inside = int(drawn.sum())
    outside = drawn.size - inside
    return {
        "dice": dice(found, drawn),
        "jaccard": both / either if either else 1.0,
        "sensitivity": both / inside if inside else np.nan,
        "specificity": 1 - (int(found.sum()) - both) / outside if outside else np.nan,
    }


def surface_distances(
    found: NDArray[np.bool_], drawn: NDArray[np.bool_], spacing: Sequence[float] | None = None
) -> dict[str, float]:
    """Return the average symmetric surface distance and the 95 % Hausdorff distance of two masks.

    Distances from every border pixel of each mask to the nearest border pixel of the other are pooled; their mean and
    95th percentile are returned (as in Heimann et al. 2009, doi 10.1109/TMI.2009.2013851).

    Parameters
    ----------
    found, drawn : ndarray of bool
        Masks of the same shape.
    spacing : sequence of float, optional
        Pixel spacing along each axis; without it, distances are in pixels.

    Returns
    -------
    dict
        ``surface_distance`` and ``hausdorff95``; NaN if a mask is empty.
    """
    from scipy.ndimage import binary_erosion, distance_transform_edt

    if not (found.any() and drawn.any()):
        return {"surface_distance": np.nan, "hausdorff95": np.nan}
    borders = [mask & ~binary_erosion(mask) for mask in (found, drawn)]
    to_other = [distance_transform_edt(~border, sampling=spacing) for border in borders[::-1]]
    distances = np.concatenate([reach[border] for reach, border in zip(to_other, borders, strict=True)])
    return {"surface_distance": float(distances.mean()), "hausdorff95": float(np.percentile(distances, 95))}


def share_kept(found: NDArray[np.bool_], infection: NDArray[np.bool_]) -> float:
    """Return the share of infected pixels inside the mask; NaN if nothing is infected."""
    return float(found[infection].mean()) if infection.any() else np.nan
