"""Planted lesions, and similar findings that anybody may have: the two classes of the synthetic volumes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from .phantoms import Volume


def add_nuisance(volume: Volume, rng: np.random.Generator) -> Volume:
    """Add what either class may have: varied lung density, nodules, thin bands, and a denser back.

    So neither the mean density of the lungs nor a single bright spot says which class it is.
    """
    hu, lungs = volume.hu.copy(), volume.lungs
    grid = _grid(volume)
    depth = ndimage.distance_transform_edt(lungs, volume.spacing)
    for _ in range(rng.integers(0, 5)):  # nodules
        centre, radius = _centre(grid, depth, rng, outer=1.0), rng.uniform(3, 7)
        hu += _soft(grid, centre, np.full(3, radius), 0.15) * lungs * (rng.uniform(0, 60) - hu)
    for _ in range(rng.integers(0, 3)):  # bands of collapsed lung, 2 to 4 mm thin
        centre, tilt = _centre(grid, depth, rng, outer=0.5), rng.normal(0, 0.25)
        radii = np.array([rng.uniform(3, 5), rng.uniform(10, 35), rng.uniform(10, 35)])
        hu += _soft(grid, centre, radii, 0.2, tilt) * lungs * (rng.uniform(-300, 0) - hu)
    if rng.random() < 0.4:  # the back, which the patient lies on
        y = np.broadcast_to(grid[1], hu.shape)
        behind = y - np.max(np.where(lungs, y, -np.inf), axis=1, keepdims=True) + rng.uniform(4, 12)
        hu += lungs * np.clip(behind / 6, 0, 1) * rng.uniform(80, 250)
    hu += lungs * np.float32(rng.uniform(-40, 40))
    return replace(volume, hu=hu.astype(np.float32))


def plant(volume: Volume, rng: np.random.Generator) -> tuple[Volume, str]:
    """Plant ground glass and consolidation: soft, irregular ellipsoids, mostly pleural, low and posterior.

    Returns
    -------
    planted : Volume
    words : str
        How many, and their share of the lungs.
    """
    hu, lungs = volume.hu.copy(), volume.lungs
    grid = _grid(volume)
    depth = ndimage.distance_transform_edt(lungs, volume.spacing)
    ragged = ndimage.gaussian_filter(rng.standard_normal(hu.shape, dtype=np.float32), [7 / s for s in volume.spacing])
    ragged /= ragged.std()
    covered = np.zeros(hu.shape, dtype=np.float32)
    count = int(rng.integers(3, 12))
    for _ in range(count):
        outer = 0.15 if rng.random() < 0.75 else 1.0
        radii = rng.uniform(10, 32, 3)
        shape = _soft(grid, _centre(grid, depth, rng, outer), radii, 0.25, ragged=ragged) * lungs
        if rng.random() < 0.7:  # ground glass: vessels stay visible in it
            hu += shape * np.float32(rng.uniform(180, 420)) * (hu < -250)
        else:
            hu += shape * (np.float32(rng.uniform(-120, 40)) - hu)
        covered = np.maximum(covered, shape)
    share = float((covered > 0.5).sum() / lungs.sum())
    return replace(volume, hu=hu.astype(np.float32)), f"{count} lesions, {share:.3f} of the lungs"


def _grid(volume: Volume) -> list[np.ndarray]:
    """Return the positions of voxels, mm: one array per axis, broadcastable."""
    indices = np.ogrid[tuple(slice(0, length) for length in volume.hu.shape)]
    return [axis * np.float32(step) for axis, step in zip(indices, volume.spacing, strict=True)]


def _centre(grid: list[np.ndarray], depth: np.ndarray, rng: np.random.Generator, outer: float) -> np.ndarray:
    """Choose a random place in the outer part of the lungs, mm; low and posterior is more likely."""
    where = np.argwhere((depth > 0) & (depth <= np.quantile(depth[depth > 0], outer)))
    chosen = where[rng.integers(len(where), size=4)]
    low_behind = chosen[:, 1] / depth.shape[1] - chosen[:, 0] / depth.shape[0] + rng.normal(0, 0.5, 4)
    return np.array([axis.ravel()[i] for axis, i in zip(grid, chosen[np.argmax(low_behind)], strict=True)])


def _soft(
    grid: list[np.ndarray], centre: np.ndarray, radii: np.ndarray, edge: float, tilt: float = 0.0,
    ragged: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """Return an ellipsoid, float32, 1 inside and 0 outside, with an edge that is a share of its radius."""
    z, y, x = (axis - at for axis, at in zip(grid, centre, strict=True))
    r = np.sqrt(((z + tilt * y) / radii[0]) ** 2 + (y / radii[1]) ** 2 + (x / radii[2]) ** 2).astype(np.float32)
    if ragged is not None:
        r = r + np.float32(0.18) * ragged
    return np.clip((1 + edge - r) / (2 * edge), 0, 1)
