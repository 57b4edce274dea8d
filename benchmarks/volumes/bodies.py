"""Two real chests, LCTSC (NIfTI) and Lung-PET-CT-Dx (DICOM), strongly deformed: anatomy unlike the phantoms'."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage

from lungct.lungseg import LungSegmenter
from lungct.sources import read_scan
from lungct.sources.intensity import resize

from .phantoms import SIDE, Volume

LCTSC = "lctsc-nifti/LCTSC-Test-S1-101"
PET = "lung-pet-ct-dx-dicom/series-B40f"


def read_bodies(shared: Path) -> dict[str, Volume]:
    """Read both at `SIDE` x `SIDE`, with the lungs outlined by a person (LCTSC) or found by stage 1."""
    bodies = {}
    for name, path in (("LCTSC", shared / f"{LCTSC}.nii.gz"), ("PET-CT-Dx", shared / PET)):
        scan = read_scan(path)
        lungs = (
            read_scan(shared / f"{LCTSC}_lung.nii.gz", intensity="hu").pixels > 0
            if name == "LCTSC"
            else LungSegmenter().segment(scan).mask
        )
        hu, inside = (
            np.stack([resize(one.astype(np.float32), SIDE, SIDE) for one in array]) for array in (scan.pixels, lungs)
        )
        shrunk = scan.shape[1] / SIDE
        z, y, x = scan.spacing or (1.0, 1.0, 1.0)
        bodies[name] = Volume(hu, inside > 0.5, (z, y * shrunk, x * shrunk))
    return bodies


def deform(body: Volume, rng: np.random.Generator) -> Volume:
    """Return it rotated, scaled by up to 15 %, mirrored, and bent locally by about 10 mm."""
    spacing = np.array(body.spacing)
    shape = np.array(body.hu.shape)
    centre = (shape - 1) / 2
    grid = np.indices(body.hu.shape, dtype=np.float32)
    offset = (grid - centre[:, None, None, None]) * spacing[:, None, None, None]  # mm
    angle = np.deg2rad(rng.uniform(-8, 8))
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    turn = turn * rng.uniform(0.87, 1.15, 3)[:, None]
    if rng.random() < 0.5:
        turn[:, 2] *= -1
    moved = np.tensordot(turn, offset, axes=1) + rng.uniform(-6, 6, (3, 1, 1, 1))
    for axis, strength in enumerate((5, 9, 9)):
        bent = ndimage.gaussian_filter(rng.standard_normal(body.hu.shape, dtype=np.float32), 40 / spacing)
        moved[axis] += bent * (strength / bent.std())
    at = moved / spacing[:, None, None, None] + centre[:, None, None, None]
    hu = ndimage.map_coordinates(body.hu, at, order=1, cval=-1000, mode="nearest")
    lungs = ndimage.map_coordinates(body.lungs.astype(np.float32), at, order=1, mode="nearest") > 0.5
    return Volume(hu, lungs, body.spacing)
