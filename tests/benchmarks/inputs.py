"""Small inputs for the scripts of benchmarks/: synthetic chests with labels and masks, and a few training images."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
from PIL import Image

from ..conftest import ROOT, SHARED, make_chest

PATIENTS = 4
"""Of each class."""


def write_labelled(folder: Path) -> Path:
    """Write pictures into COVID and NonCOVID; return a table that gives each its own patient."""
    rows = [("path", "label", "patient")]
    for label in ("COVID", "NonCOVID"):
        (folder / label).mkdir(parents=True)
        for patient in range(PATIENTS):
            path = folder / label / f"{label}-{patient}.png"
            _windowed(make_chest(seed=patient)[0]).save(path)
            rows.append((str(path), label, path.stem))
    return _write_table(folder / "labelled.csv", rows)


def write_masks(folder: Path) -> Path:
    """Write ct, lungs and covid: pictures, lung masks and infection masks; return the folder."""
    for name in ("ct", "lungs", "covid"):
        (folder / name).mkdir(parents=True)
    for patient in range(PATIENTS):
        hu, lungs = make_chest(seed=patient)
        infected = np.zeros_like(lungs)
        infected[90:110, 40:60] = lungs[90:110, 40:60]
        hu[infected] = -300
        _windowed(hu).save(folder / "ct" / f"{patient}.png")
        for name, mask in (("lungs", lungs), ("covid", infected)):
            Image.fromarray(mask.astype(np.uint8) * 255).save(folder / name / f"{patient}.png")
    return folder


def write_outlined(folder: Path) -> Path:
    """Write empty pictures with the names of the X-rays that have outlines; return the folder."""
    (folder / "COVID").mkdir(parents=True)
    for name in json.loads((ROOT / "benchmarks" / "xray" / "outlines.json").read_text(encoding="utf-8")):
        Image.new("L", (64, 48)).save(folder / "COVID" / name)
    return folder


def link_shared(folder: Path) -> Path:
    """Link a few training images into folders with the original names; return the parent folder."""
    masks = SHARED / "covid-lung-masks"
    with (masks / "patients.csv").open(newline="", encoding="utf-8") as file:
        first = {row["patient"]: row["file"] for row in csv.DictReader(file)}
    (folder / masks.name / "ct").mkdir(parents=True)
    for name in list(first.values())[:2]:
        (folder / masks.name / "ct" / name).symlink_to(masks / "ct" / name)
    rows = [(name, patient) for patient, name in list(first.items())[:2]]
    _write_table(folder / masks.name / "patients.csv", [("file", "patient"), *rows])
    for name in ("lctsc-nifti", "lung-pet-ct-dx-dicom", "covid-ct-md", "song-pneumonia", "chest-cancer-ct"):
        (folder / name).symlink_to(SHARED / name)
    for name in ("covid-ct", "sarscov2-ct"):
        for label in ("COVID", "NonCOVID"):
            pictures = sorted((SHARED / "sarscov2-ct" / label).iterdir())[::250]  # far apart: different patients
            for part, paths in (("train", pictures[:2]), ("val", pictures[2:4])):
                (folder / name / part / label).mkdir(parents=True)
                for path in paths:
                    (folder / name / part / label / path.name).symlink_to(path)
    return folder


def _write_table(path: Path, rows: list[tuple[str, ...]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def _windowed(hu: np.ndarray) -> Image.Image:
    return Image.fromarray((np.clip((hu + 1350) / 1500, 0, 1) * 255).astype(np.uint8))
