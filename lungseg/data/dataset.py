"""Pair slices on disk with their lung masks, group them by patient, and split them."""

from __future__ import annotations

import csv
import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...sources import Scan, SourceError, read_scan, readable_suffixes


@dataclass(frozen=True, eq=False)
class LabelledScan:
    """A scan, one slice or a volume, and its lung mask.

    Parameters
    ----------
    scan : Scan
    mask : ndarray of bool, shape (slices, height, width)
        Lung.
    patient : str
        Patient; all scans of one patient stay in one part of a split.
    folder : Path
        The folder of images that it came from.
    infection : ndarray of bool, same shape, or None
        Infected lung, if annotated.
    sides : ndarray of uint8, same shape, or None
        1 the patient's right lung, 2 the left, if the mask tells them apart.
    """

    scan: Scan
    mask: NDArray[np.bool_]
    patient: str
    folder: Path = Path()
    infection: NDArray[np.bool_] | None = None
    sides: NDArray[np.uint8] | None = None

    def slices(self) -> Iterator[LabelledScan]:
        """Yield each slice as a separate scan."""
        for index in range(len(self.scan)):
            part = slice(index, index + 1)
            infection = None if self.infection is None else self.infection[part]
            sides = None if self.sides is None else self.sides[part]
            scan = replace(self.scan, pixels=self.scan.pixels[part], affine=None)
            yield replace(self, scan=scan, mask=self.mask[part], infection=infection, sides=sides)


@dataclass(frozen=True)
class DataSet:
    """Folders with the scans and masks of one source.

    Parameters
    ----------
    images, masks : Path
        Folders; a mask has its scan's name, apart from the suffix. Mask pixels above zero are lung.
    patients : Path, optional
        CSV with columns ``file`` and ``patient``; without it, each file counts as one patient.
    infections : Path, optional
        Folder of infection masks, named like the lung masks; scans without one are not annotated for infection.
    all_infections : bool
        Whether every scan must have an infection mask.
    """

    images: Path
    masks: Path
    patients: Path | None = None
    infections: Path | None = None
    all_infections: bool = False

    def files(self) -> dict[Path, str]:
        """Return each scan's path with its patient.

        Raises
        ------
        SourceError
            When a folder is missing or empty, or the CSV lacks a column.
        """
        names = _read_patients(self.patients) if self.patients else {}
        return {path: f"{self.images}/{names.get(path.name, path.stem)}" for path in _readable_files(self.images)}

    def split(self, share: float, seed: int) -> tuple[list[Path], list[Path]]:
        """Split the files into training and validation, with no patient in both.

        Parameters
        ----------
        share : float
            Share of patients for validation, in (0, 1); each part gets at least one patient.
        seed : int
            The same seed and patients give the same split.

        Raises
        ------
        ValueError
            With fewer than two patients, or a share outside (0, 1).
        """
        files = self.files()
        patients = sorted(set(files.values()))
        if len(patients) < 2 or not 0 < share < 1:
            raise ValueError(f"can't split {len(patients)} patients with a share of {share} for validation")
        random.Random(seed).shuffle(patients)  # noqa: S311 - for a split, not a secret
        held_out = set(patients[: max(1, round(share * len(patients)))])
        return (
            [path for path, patient in files.items() if patient not in held_out],
            [path for path, patient in files.items() if patient in held_out],
        )

    def scans(self, files: Collection[Path] | None = None) -> Iterator[LabelledScan]:
        """Read scans and their masks one by one, restricted to `files` if given.

        Raises
        ------
        SourceError
            When a mask is missing or has another size than its scan.
        """
        masks = _by_stem(self.masks)
        infections = _by_stem(self.infections) if self.infections else {}
        for path, patient in self.files().items():
            if files is not None and path not in files:
                continue
            _check_mask(path, masks, self.masks)
            if self.all_infections and self.infections:
                _check_mask(path, infections, self.infections)
            scan = read_scan(path)
            infection = _read_labels(infections[path.stem], scan) > 0 if path.stem in infections else None
            lungs = _read_labels(masks[path.stem], scan)
            yield LabelledScan(scan, lungs > 0, patient, self.images, infection, _sides(lungs))

    def slices(self, files: Collection[Path] | None = None) -> list[LabelledScan]:
        """Read all scans and return their slices; see `scans`."""
        return [item for scan in self.scans(files) for item in scan.slices()]


def read_split(data_sets: Sequence[DataSet], share: float, seed: int) -> tuple[list[LabelledScan], list[LabelledScan]]:
    """Read data sets and split each by patient into training and validation slices; see `DataSet.split`."""
    training, validation = [], []
    for data_set in data_sets:
        train, held_out = (data_set.slices(files) for files in data_set.split(share, seed))
        print(f"{data_set.images}: {len(train)} slices to train on, {len(held_out)} to validate")
        training += train
        validation += held_out
    return training, validation


def leave_out(slices: Sequence[LabelledScan], names: Sequence[str]) -> list[LabelledScan]:
    """Drop slices whose file name contains one of `names`.

    Raises
    ------
    ValueError
        When a name matches no slice, which is probably a typing error.
    """
    files = [Path(item.scan.source).name for item in slices]
    for name in names:
        if not any(name in file for file in files):
            raise ValueError(f"no training slice has {name!r} in its name; remove it from --exclude")
    return [item for item, file in zip(slices, files, strict=True) if not any(name in file for name in names)]


def balanced_draw(slices: Sequence[LabelledScan], rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw the slices of one epoch, as many as there are, so that a large data set does not drown the small ones.

    Each folder gets a share in proportion to the square root of its size; within it no slice comes a second time before
    every other came once.

    Parameters
    ----------
    slices : sequence of LabelledScan
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, shape (n,)
        Positions in `slices`, shuffled. About as many as slices: shares are rounded.
    """
    folders = [item.folder for item in slices]
    members = [np.flatnonzero([folder == own for own in folders]) for folder in sorted(set(folders))]
    roots = np.sqrt([positions.size for positions in members])
    counts = np.rint(len(slices) * roots / roots.sum()).astype(int)
    drawn = [
        np.concatenate([rng.permutation(positions) for _ in range(-(-count // positions.size))])[:count]
        for positions, count in zip(members, counts, strict=True)
    ]
    return rng.permutation(np.concatenate(drawn))


def by_data_set(slices: Sequence[LabelledScan]) -> dict[str, list[LabelledScan]]:
    """Group slices by the folder they came from; see `data_set_names`."""
    names = data_set_names({item.folder for item in slices})
    return {name: [item for item in slices if item.folder == folder] for folder, name in names.items()}


def data_set_names(folders: Collection[Path]) -> dict[Path, str]:
    """Name each folder of images by its parent, or in full where that is not unique."""
    parents = [folder.parent.name for folder in folders]
    return {
        folder: folder.parent.name if folder.parent.name and parents.count(folder.parent.name) == 1 else str(folder)
        for folder in sorted(folders)
    }


def _check_mask(path: Path, masks: Collection[str], folder: Path) -> None:
    if path.stem not in masks:
        raise SourceError(str(path), f"has no mask in {folder}", f"Add {path.stem}.png there or remove the scan")


def _by_stem(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in _readable_files(folder)}


def _read_labels(path: Path, scan: Scan) -> NDArray[np.float32]:
    """Read a mask as grey, 0 outside."""
    mask = read_scan(path, intensity="display").pixels
    if mask.shape != scan.shape:
        raise SourceError(
            str(path),
            f"has shape {mask.shape}, but its scan has {scan.shape} (slices, height, width)",
            "Give masks of the same size as the scans",
        )
    return mask


def _sides(lungs: NDArray[np.float32]) -> NDArray[np.uint8] | None:
    """Return the labels of right and left lung if a mask has two values, one twice the other; otherwise None."""
    values = np.unique(lungs[lungs > 0])
    if len(values) != 2 or not np.isclose(values[1], 2 * values[0]):
        return None
    sides: NDArray[np.uint8] = np.rint(lungs / values[0]).astype(np.uint8)
    return sides


def _readable_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise SourceError(str(folder), "is not a folder", "Give the folder that holds the pictures")
    files = sorted(path for path in folder.iterdir() if path.name.lower().endswith(readable_suffixes()))
    if not files:
        raise SourceError(str(folder), "holds no pictures", f"Give a folder of {', '.join(readable_suffixes())} files")
    return files


def _read_patients(path: Path) -> dict[str, str]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        if not {"file", "patient"} <= set(rows.fieldnames or ()):
            raise SourceError(str(path), "lacks the columns 'file' and 'patient'", "Add a header line with both names")
        return {row["file"]: row["patient"] for row in rows}
