"""Slices of scans as saved from a viewer: oriented as on a screen, enlarged, windowed."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image

LONGEST = 512
"""Pixels of the longest side; smaller slices are enlarged to it."""

WINDOWS = {"abdomen": (-160, 240), "brain": (0, 80)}
"""HU shown as black and white for this part of the body; for other parts, the lung window."""

LUNG_WINDOW = (-1350, 150)

Named = Iterator[tuple[str, NDArray]]


def pictures_of(path: Path, kind: str, slices: tuple[float, float, int]) -> Named:
    """Yield the pictures of a file; for a volume, a number of slices between the lowest and the highest (as shares)."""
    if path.suffix == ".dcm":
        yield from _of_dicom(path, kind)
    elif path.name.endswith((".nii", ".nii.gz")):
        yield from _of_nifti(path, kind, slices)
    elif path.suffix == ".inv3":
        yield from ct_views(_invesalius_slices(path, 30), kind)
    else:
        yield from _of_picture(path)


def ct_views(slices: Iterator[NDArray], kind: str) -> Named:
    """Yield each slice in its usual window, every third also in the lung window, every fourth also in HU."""
    for index, hounsfield in enumerate(slices):
        values = enlarged(hounsfield)
        yield f"-{index:02}", windowed(values, *WINDOWS.get(kind, LUNG_WINDOW))
        if index % 3 == 0:
            yield f"-{index:02}-lung-window", windowed(values, *LUNG_WINDOW)
        if index % 4 == 0:
            yield f"-{index:02}-hu", values.round().astype(np.int16)


def windowed(values: NDArray, low: float, high: float) -> NDArray[np.uint8]:
    """Return grey, uint8."""
    return (np.clip((values - low) / max(high - low, 1e-6), 0, 1) * 255).round().astype(np.uint8)


def stretched(values: NDArray) -> NDArray[np.uint8]:
    """Return grey between the lowest and the 99.5th percentile, as viewers show MRI."""
    return windowed(values, float(values.min()), float(np.percentile(values, 99.5)))


def enlarged(values: NDArray) -> NDArray[np.float32]:
    """Return a slice with its longest side at least `LONGEST`."""
    scale = max(1.0, LONGEST / max(values.shape))
    height, width = (round(side * scale) for side in values.shape)
    picture = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))


def axial_slices(path: Path, lowest: float, highest: float, count: int) -> Iterator[NDArray]:
    """Yield slices of a NIfTI volume, front up, the patient's right on the left."""
    image = nib.as_closest_canonical(nib.load(path))
    volume = np.squeeze(np.asanyarray(image.dataobj))
    last = volume.shape[2] - 1
    for index in np.unique(np.linspace(lowest * last, highest * last, count).round().astype(int)):
        yield np.rot90(volume[::-1, :, index])


def hounsfield(dataset: pydicom.Dataset) -> NDArray:
    """Return the pixels of a CT slice in HU."""
    return dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)


def _of_nifti(path: Path, kind: str, slices: tuple[float, float, int]) -> Named:
    found = list(axial_slices(path, *slices))
    if min(values.min() for values in found) < -500:
        yield from ct_views(iter(found), kind)
    else:
        yield from ((f"-{index:02}", stretched(enlarged(values))) for index, values in enumerate(found))


def _of_dicom(path: Path, kind: str) -> Named:
    dataset = pydicom.dcmread(path)
    if dataset.Modality == "CT" and kind in WINDOWS and "RescaleSlope" in dataset:
        yield from ct_views(iter([hounsfield(dataset)]), kind)
        return
    values = pydicom.pixels.pixel_array(path)  # colours as RGB, whatever the file contains
    while values.ndim > 3 or (values.ndim == 3 and values.shape[-1] > 4):
        values = values[len(values) // 2]
    if values.ndim == 2:
        values = stretched(enlarged(values))
        if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
            values = 255 - values
    yield "", values


def _invesalius_slices(path: Path, count: int) -> Iterator[NDArray]:
    """Yield slices of the head in InVesalius' example: 108 of 256 x 256 in HU, neck to crown."""
    with tarfile.open(path) as archive:
        member = next(item for item in archive if item.name.endswith("matrix.dat"))
        volume = np.frombuffer(archive.extractfile(member).read(), "<i2").reshape(-1, 256, 256)
    yield from volume[np.linspace(12, 100, count).astype(int)]


def _of_picture(path: Path) -> Named:
    with Image.open(path) as picture:
        picture.seek(picture.n_frames // 2 if getattr(picture, "n_frames", 1) > 1 else 0)
        if picture.mode.startswith(("I", "F")):
            yield "", stretched(np.asarray(picture, np.float32))
        else:
            picture = picture.convert("L" if picture.mode in ("L", "1") else "RGB")
            picture.thumbnail((1024, 1024))
            yield "", np.asarray(picture)
