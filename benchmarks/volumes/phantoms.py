"""Chests generated from formulas, each a different patient: body, bones, heart, diaphragm, lungs with vessels.

They show that training works, not that a disease is found: nothing here is based on a patient. Air, fat, muscle
and bone have their usual Hounsfield units; slices are 8 to 11 mm apart, as in MosMedData and older archives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

SIDE = 192
"""Rows and columns of a slice."""


@dataclass(frozen=True, eq=False)
class Volume:
    """Slices from the feet to the head, rows from front to back.

    Parameters
    ----------
    hu : ndarray of float32, shape (slices, height, width)
    lungs : ndarray of bool, shape (slices, height, width)
        The lungs, known exactly because they were generated.
    spacing : tuple of float
        mm, (z, y, x).
    """

    hu: np.ndarray
    lungs: np.ndarray
    spacing: tuple[float, float, float]


def make_phantom(rng: np.random.Generator) -> Volume:
    """Generate a chest without lesions, with random size, shape, spacing, density, noise and sharpness."""
    width, depth = rng.uniform(150, 190), rng.uniform(100, 132)  # half axes of the body, mm
    height, gap = rng.uniform(190, 260), rng.uniform(8, 11)
    pixel = 2 * width * rng.uniform(1.06, 1.25) / SIDE
    z = (np.arange(-25, height + 15, gap) + rng.uniform(0, gap))[:, None, None]
    side = (np.arange(SIDE) - SIDE / 2 + 0.5) * pixel
    y, x = side[None, :, None] + rng.uniform(-8, 8), side[None, None, :] + rng.uniform(-8, 8)
    wall = rng.uniform(24, 36)
    inner_x, inner_y = width - wall, depth - wall

    hu = np.full(np.broadcast_shapes(z.shape, y.shape, x.shape), -1000.0, dtype=np.float32)
    body = _power(x, width) + _power(y, depth)
    hu[np.broadcast_to(body < 1, hu.shape)] = rng.uniform(-115, -90)  # fat
    hu[np.broadcast_to(_power(x, width - wall * 0.4) + _power(y, depth - wall * 0.4) < 1, hu.shape)] = 45
    chest = np.sqrt((x / inner_x) ** 2 + (y / inner_y) ** 2)
    slant = (z - rng.uniform(0.2, 0.5) * y + rng.uniform(0, 27)) % rng.uniform(24, 30)
    hu[(chest > 1.01) & (chest < 1.01 + 9 / inner_x) & (slant < 10)] = rng.uniform(250, 500)
    spine_y = inner_y * 0.86
    hu[np.broadcast_to((x / 19) ** 2 + ((y - spine_y) / 17) ** 2 < 1, hu.shape)] = rng.uniform(150, 300)
    hu[np.broadcast_to((np.abs(x) < 18) & (np.abs(y + inner_y + 7) < 5), hu.shape)] = rng.uniform(120, 250)  # sternum

    dome = rng.uniform(25, 55)
    lungs = np.zeros(hu.shape, dtype=np.bool_)
    for sign in (-1, 1):
        middle, across = sign * 0.5 * inner_x, 0.55 * inner_x * rng.uniform(0.92, 1.06)
        raised = np.maximum(z - 0.45 * height, 0) / (0.55 * height)
        whole = ((x - middle) / across) ** 2 + (y / (0.97 * inner_y)) ** 2 + raised**2.2 < 1
        diaphragm = dome * (1 - ((x - middle) / across) ** 2 - ((y + 0.15 * inner_y) / inner_y) ** 2)
        lungs |= whole & (z > diaphragm + rng.uniform(-6, 6))
    beat = rng.uniform(0.85, 1.15)
    heart_z = dome + 40
    heart = ((x - 22) / (52 * beat)) ** 2 + ((y + 0.35 * inner_y) / (42 * beat)) ** 2 + ((z - heart_z) / 58) ** 2 < 1
    band = np.abs(x) < rng.uniform(12, 20) + 8 * np.exp(-(((z - 0.6 * height) / 25) ** 2))
    lungs &= ~heart & ~band & (body < 0.98)
    density = rng.uniform(-900, -790)
    slope = rng.uniform(0, 70) * y / inner_y  # denser on the side that the patient lies on
    hu = np.where(lungs, np.float32(density) + slope.astype(np.float32), hu)
    fraction = _vessels(hu.shape, lungs, z, y, x, height, rng)
    hu += lungs * fraction * (40 - hu)
    trachea = (x**2 + (y - 0.1 * inner_y) ** 2 < rng.uniform(7, 10) ** 2) & (z > 0.62 * height)
    hu[trachea] = -990
    gas = ((x - 0.45 * inner_x) / 30) ** 2 + ((y + 0.3 * inner_y) / 24) ** 2 + ((z - dome + 38) / 14) ** 2 < 1
    hu[gas & ~lungs] = -950  # in the stomach, under the diaphragm
    table = np.abs(y - depth - 12 - (x / width) ** 2 * -20) < 2.5
    hu[np.broadcast_to(table, hu.shape) & (hu < -900)] = -400
    spacing = (float(gap), float(pixel), float(pixel))
    return Volume(hu.astype(np.float32), lungs, spacing)


def as_scanned(volume: Volume, rng: np.random.Generator) -> Volume:
    """Return it as from a scanner: blurred, noisy, and slightly miscalibrated."""
    sharp = rng.uniform(0.4, 0.9)
    noise = ndimage.gaussian_filter(rng.standard_normal(volume.hu.shape, dtype=np.float32), (0, 0.6, 0.6))
    noise *= rng.uniform(8, 35) / noise.std()
    hu = ndimage.gaussian_filter(volume.hu, (0, sharp, sharp)) + noise + np.float32(rng.uniform(-25, 25))
    return Volume(np.clip(hu, -1024, 1500).astype(np.float32), volume.lungs, volume.spacing)


def _power(along: np.ndarray, half: float) -> np.ndarray:
    return np.abs(along / half) ** 2.4


def _vessels(
    shape: tuple[int, ...], lungs: np.ndarray, z: np.ndarray, y: np.ndarray, x: np.ndarray, height: float,
    rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Return the share of vessel in each voxel, 0 to 1: trees from both hila, thinner with every fork."""
    points: list[np.ndarray] = []
    for sign in (-1, 1):
        root = np.array([0.55 * height, 5.0, sign * 20.0])
        for _ in range(9):
            _grow(root, _unit(np.array([rng.normal(0, 1), rng.normal(0, 0.9), sign * 1.2])), 4.0, 0, points, rng)
    where = np.concatenate(points)
    origin = np.array([z[0, 0, 0], y[0, 0, 0], x[0, 0, 0]])
    step = np.array([z[1, 0, 0] - z[0, 0, 0], y[0, 1, 0] - y[0, 0, 0], x[0, 0, 1] - x[0, 0, 0]])
    at = np.rint((where[:, :3] - origin) / step).astype(np.intp)
    inside = ((at >= 0) & (at < shape)).all(axis=1)
    filled = np.zeros(shape, dtype=np.float32)
    np.add.at(filled, tuple(at[inside].T), (np.pi * where[inside, 3] ** 2 / step.prod()).astype(np.float32))
    return np.minimum(ndimage.gaussian_filter(filled, (0.3, 0.6, 0.6)), 1) * lungs


def _grow(
    start: np.ndarray, way: np.ndarray, radius: float, forks: int, points: list[np.ndarray], rng: np.random.Generator
) -> None:
    """Add the points of a branch and of its sub-branches, 1 mm apart, with their radius."""
    length = rng.uniform(18, 34) * 0.87**forks
    steps = np.arange(0, length)[:, None]
    points.append(np.hstack([start + steps * way, np.full((len(steps), 1), radius)]))
    if forks < 5:
        for _ in range(2):
            _grow(start + length * way, _unit(way + rng.normal(0, 0.5, 3)), radius * 0.78, forks + 1, points, rng)


def _unit(way: np.ndarray) -> np.ndarray:
    return way / np.linalg.norm(way)
