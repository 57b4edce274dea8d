"""What lies around a body in a scanner: arms, table, blankets and tubes, drawn into the air of a training slice."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

AIR_CONTRAST = 0.08
"""Grey above the background up to which a pixel that connects to the border counts as air."""


def surround(grey: NDArray[np.float32], mask: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw arms, a table, a blanket or tubes into the air around the body; none of them is lung.

    Parameters
    ----------
    grey : ndarray of float32, shape (height, width)
        In [0, 1].
    mask : ndarray of uint8, same shape
        Lung, left as it is.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float32, same shape
    """
    outside = _air_around(grey, mask)
    if outside.mean() < 0.05:  # cropped to the body
        return grey
    tissue = float(np.median(grey[~outside & (mask == 0)])) if (~outside & (mask == 0)).any() else 0.7
    drawn = grey.copy()
    for draw, share in ((_draw_arms, 0.4), (_draw_table, 0.6), (_draw_blanket, 0.4), (_draw_tubes, 0.3)):
        if rng.random() < share:
            draw(drawn, tissue, rng)
    return np.where(outside, drawn, grey)


def _air_around(grey: NDArray[np.float32], mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the pixels as dark as the border that connect to it."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    dark = ((grey <= np.percentile(border, 20) + AIR_CONTRAST) & (mask == 0)).astype(np.uint8)
    labels = cv2.connectedComponents(dark, connectivity=4)[1]
    at_border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    return np.asarray(np.isin(labels, at_border[at_border > 0]))


def _draw_arms(grey: NDArray[np.float32], tissue: float, rng: np.random.Generator) -> None:
    """Draw one or two arms beside or above the body, each with its bone."""
    height, width = grey.shape
    for side in rng.choice([0.0, 1.0], size=rng.integers(1, 3), replace=False):
        centre = int(abs(side - rng.uniform(0, 0.2)) * width), int(rng.uniform(0.05, 0.8) * height)
        axes = tuple(int(value) for value in rng.uniform(0.05, 0.15, 2) * width)
        turn = float(rng.uniform(0, 180))
        cv2.ellipse(grey, centre, axes, turn, 0, 360, tissue, -1, cv2.LINE_AA)
        cv2.ellipse(grey, centre, tuple(1 + side // 4 for side in axes), turn, 0, 360, 1.0, -1, cv2.LINE_AA)


def _draw_table(grey: NDArray[np.float32], tissue: float, rng: np.random.Generator) -> None:
    """Draw the table below the body: lines or arcs with dark foam between them."""
    height, width = grey.shape
    top = rng.uniform(0.7, 0.95) * height
    bend = 0.0 if rng.random() < 0.4 else rng.uniform(0.02, 0.15) * height
    across = np.linspace(-1, 1, 33)
    for depth in np.cumsum(rng.uniform(0.01, 0.06, rng.integers(2, 5)) * height):
        curve = np.stack([(across + 1) / 2 * (width - 1), top + depth - bend * across**2], axis=1)
        colour = float(rng.uniform(0.15, 1.0) * tissue)
        cv2.polylines(grey, [np.rint(curve).astype(np.int32)], False, colour, int(rng.integers(1, 5)), cv2.LINE_AA)


def _draw_blanket(grey: NDArray[np.float32], tissue: float, rng: np.random.Generator) -> None:
    """Draw a few faint wavy lines above the body."""
    height, width = grey.shape
    along = np.linspace(0, 1, 41)
    for _ in range(rng.integers(1, 5)):
        waves = rng.uniform(0.01, 0.05) * np.sin(along * rng.uniform(6, 40) + rng.uniform(0, 6))
        sag = rng.uniform(-0.4, 0.4) * (along - 0.5) ** 2 * 4
        curve = np.stack([along * (width - 1), (rng.uniform(0.02, 0.35) + waves + sag) * height], axis=1)
        colour = float(rng.uniform(0.05, 0.5) * tissue)
        cv2.polylines(grey, [np.rint(curve).astype(np.int32)], False, colour, 1, cv2.LINE_AA)


def _draw_tubes(grey: NDArray[np.float32], tissue: float, rng: np.random.Generator) -> None:
    """Draw up to four tubes across the picture's plane: rings with dark inside."""
    height, width = grey.shape
    for _ in range(rng.integers(1, 5)):
        centre = int(rng.uniform(0, 1) * width), int(rng.uniform(0, 1) * height)
        cv2.circle(grey, centre, int(rng.integers(2, max(3, width // 40) + 1)), tissue, 1, cv2.LINE_AA)
