"""Augment volumes in training, so that scanner, window and posture matter less."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

TURN, SCALE, SHIFT = 10.0, 0.1, 0.05
"""Largest rotation in the axial plane, degrees; scaling along each axis; and shift, as a share of a side."""

GAMMA, BRIGHTNESS, NOISE, BLUR = 0.15, 0.03, 0.03, 0.7
"""Largest change of log gamma and of brightness; largest standard deviation of noise (grey) and blur (voxels).

Lungs are dark, about 0.1. A change of 0.03 is 42 HU, about the difference between scanners; more would turn them
black."""


def augment_volume(volume: NDArray[np.uint8], seed: int) -> NDArray[np.float32]:
    """Return an augmented volume; the same seed gives the same result.

    One affine transform (rotation in the axial plane, scaling, shift, mirroring left to right), then gamma, brightness,
    and sometimes blur and noise.

    Parameters
    ----------
    volume : ndarray of uint8, shape (slices, height, width)
        0 outside the lungs.
    seed : int

    Returns
    -------
    ndarray of float32, shape (slices, height, width)
        In [0, 1]; voxels outside the lungs stay 0.
    """
    rng = np.random.default_rng(seed % 2**63)
    moved = _moved(volume.astype(np.float32) / np.float32(255), rng)
    inside = moved > 0
    changed = moved ** np.float32(np.exp(rng.uniform(-GAMMA, GAMMA)))
    changed += np.float32(rng.uniform(-BRIGHTNESS, BRIGHTNESS))
    if rng.random() < 0.3:
        changed = ndimage.gaussian_filter(changed, rng.uniform(0, BLUR))
    if rng.random() < 0.5:
        changed += np.float32(rng.uniform(0, NOISE)) * rng.standard_normal(changed.shape, dtype=np.float32)
    shown: NDArray[np.float32] = np.clip(changed, 0, 1) * inside
    return shown


def _moved(volume: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Rotate about the body axis, scale, shift and mirror, relative to the centre."""
    sides = np.array(volume.shape)
    angle = np.deg2rad(rng.uniform(-TURN, TURN))
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]) * rng.uniform(1 - SCALE, 1 + SCALE, 3)
    if rng.random() < 0.5:
        turn[:, 2] *= -1
    middle = (sides - 1) / 2
    offset = middle - turn @ middle + rng.uniform(-SHIFT, SHIFT, 3) * sides
    moved: NDArray[np.float32] = ndimage.affine_transform(volume, turn, offset, order=1)
    return moved
