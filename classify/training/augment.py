"""Augment regions of interest in training, so that scanner, window and picture quality matter less."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # before the import, which would check for updates online

import albumentations as A  # noqa: N812
import cv2

CURVED = 0.7
"""Share of examples whose grey values follow a random rising curve: an unknown window, kernel and gamma in one."""

BENT = 0.5
"""Largest share of a random curve; the rest is the straight line."""

CUT_BY_VALUE = 0.15
"""Share of examples that lose their brightest lung, as lungs that were cut out by a threshold do."""

Bytes = NDArray[np.uint8]


class RoiAugmenter:
    """Turn a region of interest into one training example; the same seed gives the same example.

    Parameters
    ----------
    floor : float
        Lowest grey value of lung, as in `RoiPreprocessing`.
    """

    def __init__(self, floor: float = 0.0) -> None:
        self._floor = np.float32(floor)
        self._move = A.Compose(
            [
                A.HorizontalFlip(p=0.5),
                A.VerticalFlip(p=0.1),
                A.Affine(scale=(0.85, 1.15), rotate=(-15, 15), shear=(-6, 6), translate_percent=0.06, p=0.8),
            ]
        )
        self._change = A.Compose(
            [
                A.RandomGamma(gamma_limit=(60, 160), p=0.5),
                A.RandomBrightnessContrast(brightness_limit=0.12, contrast_limit=0.3, p=0.5),
                A.OneOf(
                    [A.Downscale(scale_range=(0.35, 0.9)), A.GaussianBlur(blur_limit=(3, 5)), A.Sharpen((0.1, 0.4))],
                    p=0.5,
                ),
                A.GaussNoise(std_range=(0.005, 0.04), p=0.35),
                A.ImageCompression(quality_range=(40, 95), p=0.3),
                A.CoarseDropout(
                    num_holes_range=(1, 4), hole_height_range=(0.06, 0.15), hole_width_range=(0.06, 0.15), p=0.2
                ),
            ]
        )

    def __call__(
        self, roi: Bytes, seed: int, drawn: Bytes | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return an augmented region and its lesion mask, transformed in the same way.

        Parameters
        ----------
        roi : ndarray of uint8, shape (size, size)
        seed : int
        drawn : ndarray of uint8, shape (size, size), optional
            Lesion mask with 255 inside lesions; no lesions if omitted.

        Returns
        -------
        changed, drawn : ndarray of float32, shape (size, size)
            In [0, 1]; pixels that were black, outside the lungs, stay black.
        """
        rng = np.random.default_rng(seed)
        layers = np.stack([(roi > 0).astype(np.uint8), np.zeros_like(roi) if drawn is None else drawn], axis=-1)
        self._move.set_random_seed(seed % 2**31)
        moved = self._move(image=roi, mask=layers)
        grey, lung, lesions = moved["image"], moved["mask"][..., 0] > 0, moved["mask"][..., 1]
        if rng.random() < CURVED:
            grey = _curve(rng)[grey]
        self._change.set_random_seed(seed % 2**31)
        changed = self._change(image=grey)["image"]
        if rng.random() < CUT_BY_VALUE:
            lung &= cv2.GaussianBlur(changed.astype(np.float32), (0, 0), 1) <= 255 * rng.uniform(0.55, 0.95)
        shown = np.maximum(changed.astype(np.float32) / np.float32(255), self._floor) * lung
        return shown, lesions.astype(np.float32) / np.float32(255) * lung


def _curve(rng: np.random.Generator) -> Bytes:
    """Return a random rising curve from black to white as a table of 256 grey values."""
    corners = int(rng.integers(2, 5))
    across, up = (np.r_[0, np.sort(rng.random(corners)), 1] for _ in range(2))
    line = np.linspace(0, 1, 256)
    bend = rng.uniform(0, BENT)
    return np.asarray(np.rint(255 * ((1 - bend) * line + bend * np.interp(line, across, up))), dtype=np.uint8)
