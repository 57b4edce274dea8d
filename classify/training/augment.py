"""Augment regions of interest in training, so that scanner, window and picture quality matter less."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # before the import, which would check for updates online

import albumentations as A  # noqa: N812


class RoiAugmenter:
    """Turn a region of interest into one training example; the same seed gives the same example."""

    def __init__(self) -> None:
        self._pipeline = A.Compose(
            [
                A.HorizontalFlip(p=0.5),
                A.VerticalFlip(p=0.1),
                A.Affine(scale=(0.85, 1.15), rotate=(-15, 15), shear=(-6, 6), translate_percent=0.06, p=0.8),
                A.RandomGamma(gamma_limit=(60, 160), p=0.7),
                A.RandomBrightnessContrast(brightness_limit=0.15, contrast_limit=0.3, p=0.7),
                A.OneOf([A.Downscale(scale_range=(0.35, 0.9)), A.GaussianBlur(blur_limit=(3, 7)), A.Sharpen()], p=0.5),
                A.GaussNoise(std_range=(0.01, 0.06), p=0.3),
                A.ImageCompression(quality_range=(30, 95), p=0.3),
                A.CoarseDropout(
                    num_holes_range=(1, 4), hole_height_range=(0.08, 0.2), hole_width_range=(0.08, 0.2), p=0.4
                ),
            ]
        )

    def __call__(
        self, roi: NDArray[np.uint8], seed: int, drawn: NDArray[np.uint8] | None = None
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
        layers = np.stack([(roi > 0).astype(np.uint8), np.zeros_like(roi) if drawn is None else drawn], axis=-1)
        self._pipeline.set_random_seed(seed % 2**31)
        out = self._pipeline(image=roi, mask=layers)
        changed: NDArray[np.uint8] = out["image"] * (out["mask"][..., 0] > 0)
        return changed.astype(np.float32) / np.float32(255), out["mask"][..., 1].astype(np.float32) / np.float32(255)
