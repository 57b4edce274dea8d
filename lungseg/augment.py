"""What a slice goes through in training, so that the network meets every kind of picture.

The two mask sets show whole bodies. Users bring tight crops in unknown windows, with text and arrows on them,
saved as JPEG: those are made here from the whole bodies.
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from ..sources import Scan
from ..sources.intensity import apply_window
from .dataset import LabelledSlice

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # before the import: it would look for news on the network

import albumentations as A  # noqa: N812
import cv2

WHOLE_PICTURE = 0.4
"""Share of training slices shown uncropped."""

WITHOUT_LUNG = 0.08
"""Share of training slices whose lungs are painted over: air around a body is no lung."""

AIR = -1000
"""HU."""


class Augmenter:
    """Turns a labelled slice into one training example, the same one for the same seed.

    Parameters
    ----------
    size : int
        Side of the square example in pixels.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._pipeline = A.Compose(
            [
                A.HorizontalFlip(p=0.5),
                A.VerticalFlip(p=0.2),
                A.Affine(scale=(0.85, 1.15), rotate=(-15, 15), shear=(-5, 5), translate_percent=0.05, p=0.5),
                A.OneOf(
                    [
                        A.RandomGamma(gamma_limit=(50, 200)),
                        A.RandomBrightnessContrast(brightness_limit=0.3, contrast_limit=0.4),
                        A.CLAHE(clip_limit=4.0),
                    ],
                    p=0.6,
                ),
                A.OneOf([A.Downscale(scale_range=(0.3, 0.8)), A.GaussianBlur(blur_limit=(3, 5)), A.Sharpen()], p=0.3),
                A.GaussNoise(std_range=(0.01, 0.06), p=0.2),
                A.ImageCompression(quality_range=(25, 95), p=0.4),
                A.InvertImg(p=0.03),
            ]
        )

    def __call__(self, item: LabelledSlice, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return grey in [0, 1] and lung as 0 or 1, both float32 (size, size)."""
        rng = np.random.default_rng(seed)
        grey, mask = show(item.scan, rng), item.mask.astype(np.uint8)
        if rng.random() < WITHOUT_LUNG:
            grey, mask = erase_lungs(grey, mask, rng)
        if rng.random() < WHOLE_PICTURE:
            grey, mask = widen(grey, mask, rng) if rng.random() < 0.4 else (grey, mask)
        else:
            grey, mask = tight_crop(grey, mask, rng)
        picture = cv2.resize(np.rint(grey * 255).astype(np.uint8), (self.size, self.size), interpolation=cv2.INTER_AREA)
        mask = cv2.resize(mask * 255, (self.size, self.size), interpolation=cv2.INTER_AREA)
        self._pipeline.set_random_seed(int(rng.integers(2**31)))
        out = self._pipeline(image=picture, mask=mask)
        picture = draw_marks(out["image"], rng) if rng.random() < 0.3 else out["image"]
        return picture.astype(np.float32) / np.float32(255), (out["mask"] > 127).astype(np.float32)


def show(scan: Scan, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the slice in a random window; the padding around the scanner's field of view as air or as black."""
    pixels = scan.pixels[0]
    if scan.intensity == "hu" and rng.random() < 0.5:
        pixels = np.maximum(pixels, np.float32(AIR))
    return apply_window(pixels, scan.intensity, (rng.uniform(-1400, -850), rng.uniform(-100, 600)))


def erase_lungs(
    grey: NDArray[np.float32], mask: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Paint the lungs over with the grey of the tissue around them, and empty the mask."""
    width = max(3, grey.shape[0] // 40)
    grown = cv2.dilate(mask, np.ones((width, width), np.uint8))
    around = grey[(grown > 0) & (mask == 0)]
    if around.size == 0:
        return grey, mask
    cloud = cv2.resize(rng.normal(0, 0.06, (8, 8)).astype(np.float32), grey.shape[::-1], interpolation=cv2.INTER_CUBIC)
    tissue = np.median(around) + cloud + rng.normal(0, 0.02, grey.shape)
    return np.where(grown > 0, np.clip(tissue, 0, 1), grey).astype(np.float32), np.zeros_like(mask)


def widen(
    grey: NDArray[np.float32], mask: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Put the slice on a larger field of its own background, as scanners with a wide field of view do."""
    background = float(np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])))
    top, bottom, left, right = (int(rng.uniform(0, 0.35) * grey.shape[0]) for _ in range(4))
    return (
        cv2.copyMakeBorder(grey, top, bottom, left, right, cv2.BORDER_CONSTANT, value=background),
        cv2.copyMakeBorder(mask, top, bottom, left, right, cv2.BORDER_CONSTANT, value=0),
    )


def tight_crop(
    grey: NDArray[np.float32], mask: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Crop to the lungs' box, each side moved between a tenth inside it and a quarter outside."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return grey, mask
    spans = []
    for found, length in ((rows, mask.shape[0]), (columns, mask.shape[1])):
        extent = found[-1] - found[0] + 1
        start = found[0] - rng.uniform(-0.1, 0.25) * extent
        stop = found[-1] + 1 + rng.uniform(-0.1, 0.25) * extent
        spans.append(slice(max(0, int(start)), min(length, int(stop) + 1)))
    return grey[spans[0], spans[1]], mask[spans[0], spans[1]]


def draw_marks(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw what people leave on pictures: letters, an arrow, a frame."""
    side = picture.shape[0]
    marked = np.ascontiguousarray(picture)
    colour = int(rng.choice([0, 255]))
    for _ in range(rng.integers(1, 4)):
        x, y = (int(value) for value in rng.integers(0, side, 2))
        kind = rng.integers(3)
        if kind == 0:
            text = "".join(rng.choice(list("ABCDRLPH0123456789 .:/"), rng.integers(1, 9)))
            cv2.putText(marked, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, rng.uniform(0.3, 0.9), colour, 1, cv2.LINE_AA)
        elif kind == 1:
            dx, dy = (int(value) for value in rng.integers(-side // 6, side // 6 + 1, 2))
            cv2.arrowedLine(
                marked, (x, y), (x + dx, y + dy), colour, int(rng.integers(1, 4)), cv2.LINE_AA, tipLength=0.4
            )
        else:
            inset = int(rng.integers(0, side // 20))
            cv2.rectangle(marked, (inset, inset), (side - 1 - inset, side - 1 - inset), colour, int(rng.integers(1, 4)))
    return marked
