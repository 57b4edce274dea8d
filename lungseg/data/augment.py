"""Augment training slices, so that the network sees every kind of picture.

The two data sets with masks show whole bodies. Users' pictures are often tight crops in unknown windows, with text
and arrows on them, saved as JPEG; this module makes such pictures from the whole bodies.
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from .dataset import LabelledScan
from .views import show, tight_crop

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # before the import, which would check for updates online

import albumentations as A  # noqa: N812
import cv2

from .surroundings import surround

WHOLE_PICTURE = 0.4
"""Share of training slices shown uncropped."""

PAINTED_OVER = {"all": 0.06, "core": 0.06, "rest": 0.05}
"""Share of training slices whose lungs are painted over with tissue.

``all``: all lung, to teach that air around a body is not lung. ``core``: all but a rim, as around the dome of the
diaphragm in the lowest slices. ``rest``: all but a spot, a small lung as at the apex. The mask sets have few of these.
"""

SURROUNDED = 0.5
"""Share of the uncropped slices that get arms, a table, a blanket or tubes drawn around the body."""

LARGE_PATCH = 0.25
"""Share of the painted patches that may be up to a quarter of the picture's side: consolidation of a whole lobe."""

CONSOLIDATED = 0.4
"""Share of training slices with dense patches painted into the lungs; few patients in the mask sets have them."""


class Augmenter:
    """Turn a labelled slice into one training example; the same seed gives the same example.

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
                A.GaussNoise(std_range=(0.01, 0.15), p=0.25),
                A.ImageCompression(quality_range=(25, 95), p=0.4),
                A.InvertImg(p=0.03),
            ]
        )

    def __call__(self, item: LabelledScan, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return grey in [0, 1] and lung as 0 or 1, both float32 (size, size)."""
        rng = np.random.default_rng(seed)
        grey, mask = show(item.scan, rng), item.mask[0].astype(np.uint8)
        if rng.random() < CONSOLIDATED:
            grey = consolidate(grey, mask, rng)
        part = rng.choice([*PAINTED_OVER, ""], p=[*PAINTED_OVER.values(), 1 - sum(PAINTED_OVER.values())])
        if part:
            grey, mask = paint_over(grey, mask, str(part), rng)
            grey = add_gas(grey, mask, rng)
        if rng.random() < WHOLE_PICTURE:
            grey, mask = widen(grey, mask, rng) if rng.random() < 0.4 else (grey, mask)
            grey = surround(grey, mask, rng) if rng.random() < SURROUNDED else grey
        else:
            grey, mask = tight_crop(grey, mask, rng)
        picture = cv2.resize(np.rint(grey * 255).astype(np.uint8), (self.size, self.size), interpolation=cv2.INTER_AREA)
        mask = cv2.resize(mask * 255, (self.size, self.size), interpolation=cv2.INTER_AREA)
        self._pipeline.set_random_seed(int(rng.integers(2**31)))
        out = self._pipeline(image=picture, mask=mask)
        picture = draw_marks(out["image"], rng) if rng.random() < 0.3 else out["image"]
        return picture.astype(np.float32) / np.float32(255), (out["mask"] > 127).astype(np.float32)


def paint_over(
    grey: NDArray[np.float32], mask: NDArray[np.uint8], part: str, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Paint over part of the lungs with the grey of the surrounding tissue, and remove it from the mask.

    Parameters
    ----------
    grey, mask : ndarray, shape (height, width)
    part : {"all", "core", "rest"}
        See `PAINTED_OVER`.
    rng : numpy.random.Generator
    """
    side = grey.shape[0]
    grown = cv2.dilate(mask, np.ones((max(3, side // 40),) * 2, np.uint8)) > 0
    around = grey[grown & (mask == 0)]
    if around.size == 0:
        return grey, mask
    if part == "core":
        depth = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
        region = depth > rng.uniform(0.015, 0.08) * side
    elif part == "rest":
        inside = np.argwhere(mask)
        spot = np.zeros_like(mask)
        for centre in inside[rng.integers(len(inside), size=rng.integers(1, 3))]:
            axes = tuple(int(value) for value in rng.uniform(0.03, 0.1, 2) * side)
            cv2.ellipse(spot, (int(centre[1]), int(centre[0])), axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
        region = grown & (spot == 0)
    else:
        region = grown
    cloud = cv2.resize(rng.normal(0, 0.06, (8, 8)).astype(np.float32), grey.shape[::-1], interpolation=cv2.INTER_CUBIC)
    tissue = np.median(around) + cloud + rng.normal(0, 0.02, grey.shape)
    painted = np.where(region, np.clip(tissue, 0, 1), grey).astype(np.float32)
    return painted, np.where(region, 0, mask).astype(np.uint8)


def consolidate(grey: NDArray[np.float32], mask: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Paint up to six patches into the lungs, from ground glass to tissue density; the mask is unchanged.

    Half of them lie at the pleura, where COVID-19 is most common.
    """
    side = grey.shape[0]
    grown = cv2.dilate(mask, np.ones((max(3, side // 40),) * 2, np.uint8)) > 0
    around, inside = grey[grown & (mask == 0)], np.argwhere(mask)
    if around.size == 0 or inside.size == 0:
        return grey
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    at_pleura = np.argwhere((depth > 0) & (depth < 0.03 * side))
    density = np.zeros(grey.shape, np.float32)
    for _ in range(rng.integers(1, 7)):
        centres = at_pleura if rng.random() < 0.5 else inside
        row, column = (int(value) for value in centres[rng.integers(len(centres))])
        largest = 0.25 if rng.random() < LARGE_PATCH else 0.14
        axes = tuple(int(value) + 1 for value in rng.uniform(0.02, largest, 2) * side)
        patch = np.zeros(grey.shape, np.float32)
        cv2.ellipse(patch, (column, row), axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
        density = np.maximum(density, patch * np.float32(rng.uniform(0.25, 1.1)))
    cloud = cv2.resize(
        rng.normal(1, 0.35, (24, 24)).astype(np.float32), grey.shape[::-1], interpolation=cv2.INTER_CUBIC
    )
    density = cv2.GaussianBlur(density * cloud, (0, 0), float(rng.uniform(0.005, 0.02) * side))
    density = np.clip(density, 0, 1) * (mask > 0)
    tissue = np.median(around) + rng.normal(0, 0.03, grey.shape)
    return np.asarray(np.clip(grey * (1 - density) + tissue * density, 0, 1), dtype=np.float32)


def add_gas(grey: NDArray[np.float32], mask: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw up to three gas bubbles into tissue, as in stomach, bowel and trachea: air that is not lung."""
    height, width = grey.shape
    gas = np.zeros_like(mask)
    for _ in range(rng.integers(0, 4)):
        centre = int(rng.uniform(0.25, 0.75) * width), int(rng.uniform(0.25, 0.75) * height)
        axes = tuple(int(value) for value in rng.uniform(0.01, 0.07, 2) * width)
        cv2.ellipse(gas, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    darkest = np.percentile(grey, 1)
    return np.where((gas > 0) & (mask == 0), darkest, grey).astype(np.float32)


def widen(
    grey: NDArray[np.float32], mask: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Put the slice on a larger canvas of its background grey, as with a wide field of view."""
    background = float(np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])))
    top, bottom, left, right = (int(rng.uniform(0, 0.35) * grey.shape[0]) for _ in range(4))
    return (
        cv2.copyMakeBorder(grey, top, bottom, left, right, cv2.BORDER_CONSTANT, value=background),
        cv2.copyMakeBorder(mask, top, bottom, left, right, cv2.BORDER_CONSTANT, value=0),
    )


def draw_marks(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw marks that people leave on pictures: letters, an arrow, a frame."""
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
