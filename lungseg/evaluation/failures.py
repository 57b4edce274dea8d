"""Make failures on purpose, to measure whether the quality flags detect them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...sources import Scan
from ..data.augment import paint_over
from ..data.dataset import LabelledScan
from ..data.views import show
from ..quality import FLAGS
from ..segmenter import LungSegmenter
from .scores import dice

Picture = tuple[NDArray[np.float32], NDArray[np.bool_]]

BAD_MASK = 0.9
"""Dice below which a mask is bad; ``low-confidence`` should detect these."""

SHRUNK = 6
"""Factor by which a slice is shrunk to make its lungs too small."""


def measure_flags(segmenter: LungSegmenter, scans: Iterable[LabelledScan]) -> list[dict[str, Any]]:
    """Measure each flag's precision and recall on artificial failures and on the unchanged slices.

    Every slice with two lungs is shown in a random window, unchanged and in five broken forms: lungs cut by the
    border, one lung painted over, lungs far too large or small, four slices in one picture, and noise. A flag is
    correct on its own failure; ``low-confidence`` is correct on any picture whose mask has a Dice below 0.9. If no lung
    is found, the pipeline reports ``no-lung``, which counts as ``implausible-area`` and ``low-confidence``.

    Parameters
    ----------
    segmenter : LungSegmenter
    scans : iterable of LabelledScan
        Slices that the network was not trained on.

    Returns
    -------
    list of dict
        For each flag: ``made``, the number of failures; ``recall``, the share of failures flagged; ``precision``, the
        share of failures among the flagged pictures, failures and unchanged; ``false_alarms``, the share of unchanged
        pictures flagged.
    """
    rng = np.random.default_rng(0)
    seen: list[tuple[str, set[str], bool]] = []
    for scan in scans:
        for item in scan.slices():
            grey = show(item.scan, rng)
            if _second_lung(item.mask[0]) is None:
                continue
            for failure, make in {"": _untouched, **FAILURES}.items():
                pixels, mask = make(grey, item.mask[0], rng)
                result = segmenter.segment(Scan(np.ascontiguousarray(pixels[None]), "display"))
                flags = set(result.flags) if result.mask.any() else {"implausible-area", "low-confidence"}
                seen.append((failure, flags, dice(result.mask[0], mask) < BAD_MASK))
    return [_row(flag, seen) for flag in FLAGS]


def _row(flag: str, seen: Sequence[tuple[str, set[str], bool]]) -> dict[str, Any]:
    if flag == "low-confidence":
        relevant = [(bad, flag in flags) for _, flags, bad in seen]
    else:
        relevant = [(failure == flag, flag in flags) for failure, flags, _ in seen if failure in ("", flag)]
    made = [raised for is_failure, raised in relevant if is_failure]
    right, raised = sum(made), sum(raised for _, raised in relevant)
    untouched = [flag in flags for failure, flags, _ in seen if not failure]
    return {
        "flag": flag,
        "made": len(made),
        "recall": round(right / len(made), 3) if made else None,
        "precision": round(right / raised, 3) if raised else None,
        "untouched": len(untouched),
        "false_alarms": round(float(np.mean(untouched)), 3) if untouched else None,
    }


def _untouched(grey: NDArray[np.float32], mask: NDArray[np.bool_], _: np.random.Generator) -> Picture:
    return grey, mask


def _cut(grey: NDArray[np.float32], mask: NDArray[np.bool_], rng: np.random.Generator) -> Picture:
    """Cut off a tenth to a half of the lungs' width or height on one side, where the cut goes through lung."""
    axis, from_end = int(rng.integers(2)), rng.random() < 0.5
    along = np.flip(mask, axis) if from_end else mask
    lung = along.mean(axis=1 - axis)
    found = np.flatnonzero(lung)
    share = (np.arange(lung.size) - found[0]) / (found[-1] - found[0])
    through = np.where((share > 0.1) & (share < 0.5), lung, 0)
    at = int(rng.choice(np.flatnonzero(through >= 0.5 * through.max())))
    kept = slice(None, lung.size - at) if from_end else slice(at, None)
    window = (kept, slice(None)) if axis == 0 else (slice(None), kept)
    return grey[window], mask[window]


def _without_one_lung(grey: NDArray[np.float32], mask: NDArray[np.bool_], rng: np.random.Generator) -> Picture:
    gone = _second_lung(mask)
    if gone is None:
        return grey, mask
    painted, _ = paint_over(grey, gone.astype(np.uint8), "all", rng)
    return painted, mask & ~gone


def _fill_with_lung(grey: NDArray[np.float32], mask: NDArray[np.bool_], rng: np.random.Generator) -> Picture:
    """Zoom in until one lung fills the picture, or shrink the slice until the lungs are dots."""
    if rng.random() < 0.5:
        small = grey[::SHRUNK, ::SHRUNK], mask[::SHRUNK, ::SHRUNK]
        canvas, label = np.zeros_like(grey), np.zeros_like(mask)
        corner = tuple(slice(0, length) for length in small[0].shape)
        canvas[corner], label[corner] = small
        return canvas, label
    from scipy.ndimage import distance_transform_edt

    depth = distance_transform_edt(mask)
    row, column = np.unravel_index(int(np.argmax(depth)), mask.shape)
    reach = max(16, int(depth[row, column] * 0.7))
    window = tuple(slice(max(0, int(at) - reach), int(at) + reach) for at in (row, column))
    return grey[window], mask[window]


def _four_in_one(grey: NDArray[np.float32], mask: NDArray[np.bool_], _: np.random.Generator) -> Picture:
    """Tile four slices in one picture, like a figure in a paper."""
    return np.tile(grey[::2, ::2], (2, 2)), np.tile(mask[::2, ::2], (2, 2))


def _noise(grey: NDArray[np.float32], mask: NDArray[np.bool_], rng: np.random.Generator) -> Picture:
    noisy = grey + rng.normal(0, rng.uniform(0.3, 0.8), grey.shape)
    return np.clip(noisy, 0, 1).astype(np.float32), mask


FAILURES: dict[str, Callable[[NDArray[np.float32], NDArray[np.bool_], np.random.Generator], Picture]] = {
    "partial-lung": _cut,
    "one-lung": _without_one_lung,
    "implausible-area": _fill_with_lung,
    "implausible-shape": _four_in_one,
    "low-confidence": _noise,
}
"""Functions that make each kind of failure."""


def _second_lung(mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Return the smaller of the two lungs; None if the mask does not show two of similar size."""
    from skimage.measure import label

    components = label(mask, connectivity=1)
    areas = np.bincount(components.ravel())
    areas[0] = 0
    order = np.argsort(areas)[::-1]
    if areas.size < 3 or areas[order[1]] < 0.3 * areas[order[0]]:
        return None
    return np.asarray(components == order[1])
