"""Check whether a lung mask is plausible, and give codes for masks that should be looked at before use."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..common.threads import side_by_side
from ..common.warning_codes import codes_of
from .components import Components

FLAGS = codes_of("lungs")
"""Codes for masks, in the order they are given; `lungct.common.warning_codes` explains them."""

CUT_LENGTH = 0.05
"""Lungs count as cut off if they touch more than this share of one side of the picture."""

EDGE = 0.01
"""Distance that counts as touching, as a share of the side: masks of cut lungs end a pixel or two before it."""

SMALLER_LUNG = 0.15
"""The second lung is missing if it is less than this share of all lung in a slice."""

AREA = (0.01, 0.75)
"""Smallest and largest plausible share of lung in a slice."""

MOST_PARTS = 5
"""A slice with more large parts than this doesn't show a pair of lungs."""

INCOMPLETE = 0.1
"""Lung in the first or last slice of a volume, as a share of the largest, from which the scan is incomplete."""

CONFIDENCE = 0.93
"""Expected Dice from which a mask is trusted."""

SHARE_OF_SLICES = 0.3
"""A volume gets a code if more than this share of its slices with lung has it; end slices often have one."""


def expected_dice(probability: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Return the expected Dice if the probabilities are right: 2 sum(p in mask) / (sum(p) + area); 0 without lung."""
    total = float(probability.sum()) + int(mask.sum())
    return 2 * float(probability[mask].sum()) / total if mask.any() else 0.0


def quality_flags(
    masks: NDArray[np.bool_], confidence: NDArray[np.float32], threads: int | None = None
) -> tuple[str, ...]:
    """Return the codes of a scan's mask.

    Parameters
    ----------
    masks : ndarray of bool, shape (slices, height, width)
    confidence : ndarray of float32, shape (slices,)
        Expected Dice of each slice.
    threads : int, optional
        By default, as many as this process may use.

    Returns
    -------
    tuple of str
        A subset of `FLAGS`, in their order. Slices without lung are ignored.
    """
    with_lung = np.flatnonzero(masks.any(axis=(1, 2)))
    found = [*side_by_side(lambda index: _flags_of_slice(masks[index], float(confidence[index])), with_lung, threads)]
    incomplete = {"incomplete-lungs"} if _ends_within_lungs(masks) else set()
    return tuple(
        flag
        for flag in FLAGS
        if flag in incomplete or sum(flag in flags for flags in found) > SHARE_OF_SLICES * len(found)
    )


def _ends_within_lungs(masks: NDArray[np.bool_]) -> bool:
    """Tell whether a volume begins or ends with much lung."""
    areas = masks.sum(axis=(1, 2))
    return len(masks) > 2 and bool(max(areas[0], areas[-1]) > INCOMPLETE * areas.max())


def _flags_of_slice(mask: NDArray[np.bool_], confidence: float) -> set[str]:
    checks = {
        "partial-lung": _cut_length(mask) > CUT_LENGTH,
        "one-lung": smaller_lung(mask) < SMALLER_LUNG,
        "implausible-area": not AREA[0] <= mask.mean() <= AREA[1],
        "implausible-shape": _parts(mask) > MOST_PARTS,
        "low-confidence": confidence < CONFIDENCE,
    }
    return {flag for flag, raised in checks.items() if raised}


def _cut_length(mask: NDArray[np.bool_]) -> float:
    """Return the largest share of a side of the picture that is lung."""
    rows, columns = (max(1, round(EDGE * length)) for length in mask.shape)
    edges = (
        mask[:rows].any(axis=0),
        mask[-rows:].any(axis=0),
        mask[:, :columns].any(axis=1),
        mask[:, -columns:].any(axis=1),
    )
    return float(max(edge.mean() for edge in edges))


def smaller_lung(mask: NDArray[np.bool_]) -> float:
    """Return the share of lung on the smaller side of the mediastinum, the deepest valley between two peaks of lung.

    The valley is found in the number of lung pixels per column, so it needs no gap: lungs may touch behind the sternum.
    """
    columns = mask.sum(axis=0).astype(float)
    left, right = np.maximum.accumulate(columns), np.maximum.accumulate(columns[::-1])[::-1]
    depth = np.minimum(left, right) - columns
    valley = int(np.argmax(depth))
    if depth[valley] < 0.2 * columns.max():
        return 0.0
    return float(min(columns[:valley].sum(), columns[valley:].sum()) / columns.sum())


def _parts(mask: NDArray[np.bool_]) -> int:
    """Return the number of components with at least a hundredth of the lung."""
    areas = Components.of(mask).sizes
    return int((areas >= 0.01 * areas.sum()).sum())
