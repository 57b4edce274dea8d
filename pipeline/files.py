"""Names and files of results."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from .prediction import Prediction


def stem_of(source: str) -> str:
    """Return a file name for a source: its own without the suffix, safe on every system."""
    return re.sub(r"[^\w.-]+", "_", Path(source).stem).strip("._") or "scan"


def unique_stems(sources: list[str]) -> list[str]:
    """Return a name for each source, numbered where two would be the same."""
    taken: set[str] = set()
    stems = []
    for source in sources:
        stem, number = stem_of(source), 2
        while stem.lower() in taken:
            stem, number = f"{stem_of(source)}-{number}", number + 1
        taken.add(stem.lower())
        stems.append(stem)
    return stems


def slice_names(stem: str, slices: int) -> list[str]:
    """Return one name a slice: the stem itself for one, numbered from 001 for more."""
    return [stem] if slices == 1 else [f"{stem}_{index + 1:03d}" for index in range(slices)]


def write_mask(path: Path, mask: NDArray[np.bool_]) -> Path:
    """Write one slice's mask as PNG, 0 and 255."""
    Image.fromarray(mask.astype(np.uint8) * 255).save(path)
    return path


def write_slices(prediction: Prediction, folder: Path, stem: str) -> list[Path]:
    """Write mask and overlay of every slice as PNG; nothing for a source that could not be read."""
    if prediction.lung_mask is None:
        return []
    masks = prediction.lung_mask.reshape((-1, *prediction.lung_mask.shape[-2:]))
    written = []
    for index, name in enumerate(slice_names(stem, prediction.slices)):
        written.append(write_mask(folder / f"{name}_mask.png", masks[index]))
        overlay = folder / f"{name}_overlay.png"
        prediction.overlay(index).save(overlay)
        written.append(overlay)
    return written
