"""Name and write the files of results."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...common.optional import require
from ...sources import Scan
from ...sources.scan import AIR
from .data import MaskFormat, PredictionData
from .overlay import draw_prediction
from .sheet import result_sheet

LONGEST = 120
"""Most bytes of an input's name in file names; systems allow 255 in total."""

INFECTION = "-infection"
"""End of the names of infection masks."""


def stem_of(source: str) -> str:
    """Return a file name for a source: its own name without the suffix, safe on every system, and short."""
    name = re.sub(r"\.(nii\.gz|[a-zA-Z]\w{0,5})$", "", Path(source).name)  # keep UIDs, which folders may be named by
    stem = re.sub(r"[^\w.-]+", "_", name).strip("._") or "scan"
    return stem.encode()[:LONGEST].decode(errors="ignore")


def unique_stems(sources: list[str]) -> list[str]:
    """Return a unique name for each source, numbered if needed."""
    taken: set[str] = set()
    sliced: set[str] = set()
    stems = []
    for source in sources:
        stem, number = stem_of(source), 2
        while stem.lower() in taken or stem.lower() in sliced or _before_slice(stem) in taken:
            stem, number = f"{stem_of(source)}-{number}", number + 1
        taken.add(stem.lower())
        sliced.add(_before_slice(stem))
        stems.append(stem)
    return stems


def _before_slice(stem: str) -> str:
    """Return the name of which another could be a slice: the slices of ``a`` are ``a_slice001`` and so on."""
    found = re.fullmatch(r"(.+)_slice\d{3,}", stem.lower())
    return found[1] if found else ""


def free_stem(folder: Path, source: str) -> str:
    """Return a name for a source whose record in a folder, if there is one, is of the same source."""
    stem, number = stem_of(source), 2
    while _source_of(folder / f"{stem}.json") not in (None, source):
        stem, number = f"{stem_of(source)}-{number}", number + 1
    return stem


def _source_of(record: Path) -> str | None:
    """Return the source of a saved prediction; None if there is none, empty if the file is something else."""
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return ""
    return str(found.get("source", "")) if isinstance(found, dict) else ""


def slice_names(stem: str, slices: int) -> list[str]:
    """Return one name per slice: the stem itself for a single slice, otherwise numbered from slice001."""
    return [stem] if slices == 1 else [f"{stem}_slice{index + 1:03d}" for index in range(slices)]


def write_mask(path: Path, mask: NDArray[np.bool_] | NDArray[np.uint8]) -> Path:
    """Write one slice as PNG: a mask as 0 and 255, labels as they are."""
    Image.fromarray(mask.astype(np.uint8) * 255 if mask.dtype == np.bool_ else mask).save(path)
    return path


def require_masks(masks: str) -> None:
    """Refuse to start if a package needed for a mask format is missing.

    Raises
    ------
    MissingPackageError
        Names the command that installs it.
    """
    if masks == "seg":
        require("highdicom", purpose="A mask as DICOM SEG", extra="seg")


def write_volume(
    folder: Path,
    stem: str,
    mask: NDArray[np.bool_] | NDArray[np.uint8],
    scan: Scan,
    masks: MaskFormat,
    provenance: Mapping[str, Mapping[str, str]],
    infection: NDArray[np.bool_] | None = None,
) -> list[Path]:
    """Write the mask of a whole scan, or the labels of its lungs, in the requested format, and the infection mask.

    Parameters
    ----------
    folder : Path
    stem : str
        Start of the file names.
    mask : ndarray of bool or uint8, shape (slices, height, width)
        Lung, or 1 for the right and 2 for the left lung. File names end in ``_mask`` or ``_labels``.
    scan : Scan
    masks : {"auto", "png", "nifti", "seg"}
        See `Prediction.save`.
    provenance : mapping
        Name and version of each network: ``segmenter`` and, if there is an infection mask, ``classifier``.
    infection : ndarray of bool, shape (slices, height, width), optional
        Infected lung. It gets files of its own, whose names end in ``-infection``, or a segment in the DICOM SEG.

    Raises
    ------
    SourceError
        When the mask format is impossible for this scan.
    """
    kind = "_mask" if mask.dtype == np.bool_ else "_labels"
    if masks == "seg":
        from ...sources.dicom.seg import write_seg

        return [write_seg(folder / f"{stem}{kind}.dcm", mask, scan, provenance, infection)]
    written = _write_each(folder, stem, kind, mask, scan, masks)
    return written if infection is None else written + _write_each(folder, stem, INFECTION, infection, scan, masks)


def _write_each(
    folder: Path, stem: str, ending: str, mask: NDArray[np.bool_] | NDArray[np.uint8], scan: Scan, masks: MaskFormat
) -> list[Path]:
    """Write one mask of a whole scan, as a PNG for each slice or as one NIfTI."""
    if masks == "png" or (masks == "auto" and len(scan) == 1):
        names = slice_names(stem, len(scan))
        return [write_mask(folder / f"{name}{ending}.png", part) for name, part in zip(names, mask, strict=True)]
    from ...sources.nifti import write_nifti

    return [write_nifti(folder / f"{stem}{ending}.nii.gz", mask, scan)]


def write_roi(folder: Path, stem: str, masks: NDArray[np.bool_], scan: Scan, *, a_slice_each: bool) -> list[Path]:
    """Write slices times masks: a PNG per slice for grey, an int16 TIFF per slice for HU, or one NIfTI of all.

    Parameters
    ----------
    folder : Path
    stem : str
        Start of the file names.
    masks : ndarray of bool, shape (slices, height, width)
    scan : Scan
    a_slice_each : bool
        Write one file per slice instead of one volume.
    """
    rois = np.empty(scan.shape, dtype=np.int16 if scan.intensity == "hu" else np.uint8)
    for index, (pixels, mask) in enumerate(zip(scan.pixels, masks, strict=True)):  # slice by slice to save memory
        whole = np.rint(pixels) if scan.intensity == "hu" else np.rint(pixels * 255)
        rois[index] = np.where(mask, np.clip(whole, -32768, 32767), AIR if scan.intensity == "hu" else 0)
    if not a_slice_each:
        from ...sources.nifti import write_nifti

        return [write_nifti(folder / f"{stem}_roi.nii.gz", rois, scan)]
    return [
        _write_slice(folder / f"{name}_roi", roi) for name, roi in zip(slice_names(stem, len(scan)), rois, strict=True)
    ]


def _write_slice(path: Path, roi: NDArray[Any]) -> Path:
    """Write a slice as TIFF (HU, int16) or PNG (grey, uint8)."""
    if roi.dtype == np.uint8:
        path = path.with_name(f"{path.name}.png")
        Image.fromarray(roi).save(path)
        return path
    import tifffile

    path = path.with_name(f"{path.name}.tif")
    tifffile.imwrite(path, roi, compression="zlib")
    return path


def save_prediction(
    prediction: PredictionData, folder: Path, name: str | None, masks: MaskFormat, *, html: bool, labels: bool
) -> list[Path]:
    """Write all files of a prediction; see `Prediction.save`."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = name or free_stem(folder, prediction.source)
    record = folder / f"{stem}.json"
    record.write_text(json.dumps(prediction.to_dict(), indent=2) + "\n", encoding="utf-8")
    sheets = [write_sheet(prediction, folder, stem)] if html else []
    return [record, *sheets, *write_results(prediction, folder, stem, masks, labels=labels)]


def write_sheet(prediction: PredictionData, folder: Path, stem: str) -> Path:
    """Write the result sheet, also for a source that could not be read, and return its path."""
    path = folder / f"{stem}.html"
    path.write_text(result_sheet(prediction), encoding="utf-8", errors="backslashreplace")
    return path


def write_results(
    prediction: PredictionData, folder: Path, stem: str, masks: MaskFormat, *, labels: bool
) -> list[Path]:
    """Write overlay and masks, or labels in place of the lung mask; nothing for a source that could not be read."""
    if prediction.lung_mask is None or prediction.scan is None:
        return []
    overlay = folder / f"{stem}_overlay.png"
    draw_prediction(prediction).save(overlay)
    return [overlay, *write_lungs(prediction, folder, stem, masks, labels=labels)]


def write_lungs(prediction: PredictionData, folder: Path, stem: str, masks: MaskFormat, *, labels: bool) -> list[Path]:
    """Write the lung mask of a prediction, or the labels of its lungs in its place, and the infection mask if any."""
    found, scan = prediction.lung_labels if labels else prediction.lung_mask, prediction.scan
    if found is None or scan is None:
        return []
    infection = prediction.infection_mask
    infection = None if infection is None else infection.reshape(scan.shape)
    return write_volume(folder, stem, found.reshape(scan.shape), scan, masks, prediction.provenance, infection)
