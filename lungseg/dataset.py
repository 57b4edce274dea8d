"""Slices with lung masks on disk, paired, grouped by patient and split."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..sources import Scan, SourceError, read_scan, readable_suffixes

Source = tuple[Path, Path, Path | None]
"""Folders of slices and of masks, and the CSV of patients or None."""


@dataclass(frozen=True, eq=False)
class LabelledSlice:
    """One slice and its lung mask.

    Parameters
    ----------
    scan : Scan
        One slice.
    mask : ndarray of bool, shape (height, width)
        Lung.
    patient : str
        What may not be split apart.
    folder : Path
        The folder of images it came from.
    """

    scan: Scan
    mask: NDArray[np.bool_]
    patient: str
    folder: Path = Path()


def read_pairs(images: Path, masks: Path, patients: Path | None = None) -> list[LabelledSlice]:
    """Read every slice of a folder with the mask of the same name.

    Parameters
    ----------
    images, masks : Path
        Folders; a mask has its slice's name, the suffix apart. Mask pixels above zero are lung.
    patients : Path, optional
        CSV with columns ``file`` and ``patient``; without it each file is its own patient.

    Raises
    ------
    SourceError
        When a folder is missing, holds nothing, or a mask is missing or of another size.
    """
    names = _read_patients(patients) if patients else {}
    mask_of = {path.stem: path for path in _readable_files(masks)}
    pairs = []
    for path in _readable_files(images):
        if path.stem not in mask_of:
            raise SourceError(str(path), f"has no mask in {masks}", f"Add {path.stem}.png there or remove the slice")
        scan = read_scan(path)
        mask = read_scan(mask_of[path.stem], intensity="display").pixels[0] > 0
        if mask.shape != scan.shape[1:]:
            raise SourceError(
                str(mask_of[path.stem]),
                f"is {mask.shape}, its slice {scan.shape[1:]} (height, width)",
                "Give masks of the slices' size",
            )
        pairs.append(LabelledSlice(scan, mask, f"{images}/{names.get(path.name, path.stem)}", images))
    return pairs


def split_by_patient(
    slices: Sequence[LabelledSlice], share: float, seed: int
) -> tuple[list[LabelledSlice], list[LabelledSlice]]:
    """Split into training and validation slices, no patient on both sides.

    Parameters
    ----------
    slices : sequence of LabelledSlice
    share : float
        Share of patients for validation, in (0, 1); at least one patient goes to each side.
    seed : int
        The same seed and patients give the same split.

    Raises
    ------
    ValueError
        With fewer than two patients, or a share outside (0, 1).
    """
    patients = sorted({item.patient for item in slices})
    if len(patients) < 2 or not 0 < share < 1:
        raise ValueError(f"can't split {len(patients)} patients with a share of {share} for validation")
    random.Random(seed).shuffle(patients)  # noqa: S311 - a split, no secret
    held_out = set(patients[: max(1, round(share * len(patients)))])
    return (
        [item for item in slices if item.patient not in held_out],
        [item for item in slices if item.patient in held_out],
    )


def split_sources(
    sources: Sequence[Source], share: float, seed: int
) -> tuple[list[LabelledSlice], list[LabelledSlice]]:
    """Read the folders and split each by patient into training and validation slices.

    Parameters
    ----------
    sources : sequence of (images, masks, patients)
        Folders of slices and of masks, and the CSV of patients or None.
    share, seed
        See `split_by_patient`.
    """
    training, validation = [], []
    for images, masks, patients in sources:
        slices = read_pairs(images, masks, patients)
        train, held_out = split_by_patient(slices, share, seed)
        print(f"{images}: {len(train)} slices to train on, {len(held_out)} to validate")
        training += train
        validation += held_out
    return training, validation


def by_data_set(slices: Sequence[LabelledSlice]) -> dict[str, list[LabelledSlice]]:
    """Group slices by the folder they came from, called by its parent's name, or in full where that is not unique."""
    folders = sorted({item.folder for item in slices})
    parents = [folder.parent.name for folder in folders]
    names = [
        name if name and parents.count(name) == 1 else str(folder)
        for name, folder in zip(parents, folders, strict=True)
    ]
    return {
        name: [item for item in slices if item.folder == folder] for name, folder in zip(names, folders, strict=True)
    }


def _readable_files(folder: Path) -> Iterable[Path]:
    if not folder.is_dir():
        raise SourceError(str(folder), "is not a folder", "Give the folder that holds the pictures")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in readable_suffixes())
    if not files:
        raise SourceError(str(folder), "holds no picture", f"Give a folder of {', '.join(readable_suffixes())} files")
    return files


def _read_patients(path: Path) -> dict[str, str]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        if not {"file", "patient"} <= set(rows.fieldnames or ()):
            raise SourceError(str(path), "lacks the columns 'file' and 'patient'", "Add a header line with both")
        return {row["file"]: row["patient"] for row in rows}
