"""Paste real lesions into lungs without any, so that sick and healthy lungs look alike in everything else.

Lesion masks exist for one source only. Its lesions, pasted into the lungs of every other source, teach the map that
neither scanner, window nor file format means infection (copy-paste augmentation: Ghiasi et al. 2021, arXiv 2012.07177).
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from .lesions import Lesions

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # before the import, which would check for updates online

import albumentations as A  # noqa: N812
import cv2

LEAST_SHARE = 0.03
"""Lesions are taken from slices with at least this share of infected lung."""

LEAST_PIXELS = 30
"""Fewest pixels of a lesion inside the other lungs; with fewer, nothing is pasted."""

WHITE = 255.0


class LesionPaster:
    """Paste lesions into regions of interest; the same seed gives the same picture.

    Parameters
    ----------
    lesions : Lesions
        Where lesions are taken from.

    Raises
    ------
    ValueError
        When no slice has enough infected lung.
    """

    def __init__(self, lesions: Lesions) -> None:
        self._lesions = lesions
        self._rich = np.flatnonzero(lesions.shares >= LEAST_SHARE)
        if not self._rich.size:
            raise ValueError(
                f"no slice has lesions in {LEAST_SHARE:.0%} of its lungs; give --infections that show some"
            )
        self._move = A.Compose(
            [
                A.HorizontalFlip(p=0.5),
                A.VerticalFlip(p=0.3),
                A.Affine(scale=(0.6, 1.2), rotate=(-40, 40), translate_percent=0.2, p=1),
            ]
        )

    def __call__(self, roi: NDArray[np.uint8], seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return a region with lesions pasted in, and their mask with 255 inside, both uint8 (size, size)."""
        rng = np.random.default_rng(seed)
        index = int(rng.choice(self._rich))
        donor, drawn = self._lesions.pixels[index], self._lesions.drawn[index]
        self._move.set_random_seed(seed % 2**31)
        moved = self._move(image=donor, mask=drawn)
        lung = roi > 0
        inside = (moved["mask"] > WHITE / 2) & lung
        if np.count_nonzero(inside) < LEAST_PIXELS:
            return roi, np.zeros_like(roi)
        healthy = donor[(donor > 0) & (drawn < WHITE / 4)]
        lesion = _matched(moved["image"].astype(np.float32), healthy, roi[lung])
        return _blend(roi, lesion, inside, rng), (inside * WHITE).astype(np.uint8)


def _matched(lesion: NDArray[np.float32], healthy: NDArray[np.uint8], lung: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a lesion's grey values for other lungs: healthy lung goes to theirs, white stays white."""
    before, after = (float(np.median(values)) if values.size else WHITE / 4 for values in (healthy, lung))
    return np.asarray(after + (lesion - before) * (WHITE - after) / max(WHITE - before, 1.0), dtype=np.float32)


def _blend(
    roi: NDArray[np.uint8], lesion: NDArray[np.float32], inside: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Put a lesion over lungs with a soft edge and some of their own texture; it only makes them denser."""
    grey = roi.astype(np.float32)
    opacity = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 1.2) * np.float32(rng.uniform(0.75, 1))
    texture = 0.25 * (grey - cv2.GaussianBlur(grey, (0, 0), 2))
    blended = np.maximum(grey, grey * (1 - opacity) + opacity * (lesion + texture))
    return np.asarray(np.clip(blended * (roi > 0), 0, WHITE), dtype=np.uint8)
