"""Cut the regions of interest of many pictures once, before training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...common.progress import with_progress
from ...common.whole_files import whole_file
from ...sources import Scan, read_scan
from ..roi import RoiPreprocessing
from .dataset import Example

FindLungs = Callable[[Scan], tuple[Scan, NDArray[np.bool_]]]
"""The first stage: takes a scan and returns it as it is to be read, with an inversion undone, and its lung masks, bool
(slices, height, width)."""


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions of interest of many pictures.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, size, size)
    examples : list of Example
        The picture of each region.
    without_lung : int
        Pictures left out because the first stage found no lung.
    """

    pixels: NDArray[np.uint8]
    examples: list[Example]
    without_lung: int = 0

    @property
    def covid(self) -> NDArray[np.bool_]:
        """Labels, bool (n,)."""
        return np.array([item.covid for item in self.examples], dtype=np.bool_)

    @property
    def inputs(self) -> NDArray[np.float32]:
        """Network inputs, float32 (n, size, size, 1)."""
        return self.pixels[..., None].astype(np.float32) / np.float32(255)


def cut_regions(
    examples: Sequence[Example],
    find_lungs: FindLungs,
    preprocess: RoiPreprocessing,
    cache: Path | None = None,
    segmenter: str = "",
) -> Regions:
    """Run the first stage on pictures and cut out their lungs.

    Parameters
    ----------
    examples : sequence of Example
    find_lungs : callable
    preprocess : RoiPreprocessing
    cache : Path, optional
        ``.npz`` file that keeps the regions, so that a resumed run need not find the lungs again.
    segmenter : str
        Checksum of the segmenter; a cache made with another one is not used.

    Raises
    ------
    ValueError
        When no picture shows lungs.
    """
    made_of = _digest(examples, preprocess, segmenter)
    if cache is not None and cache.exists():
        with np.load(cache, allow_pickle=False) as archive:
            if str(archive["made_of"]) == made_of:
                kept = [examples[index] for index in archive["kept"]]
                return Regions(archive["pixels"], kept, len(examples) - len(kept))
    regions, indices = [], []
    for index, item in enumerate(with_progress(examples, "Finding lungs")):
        scan, masks = find_lungs(read_scan(item.path))
        mask = masks[0]
        if mask.any():
            roi, _ = preprocess(scan.pixels[0], scan.intensity, mask)
            regions.append(np.rint(roi * 255).astype(np.uint8))
            indices.append(index)
    print(f"{len(indices)} of {len(examples)} pictures show lungs")
    if not regions:
        raise ValueError("no lungs were found in any picture: check that these are pictures of the chest")
    pixels = np.stack(regions)
    if cache is not None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(cache) as aside, aside.open("wb") as file:
            np.savez_compressed(file, made_of=made_of, pixels=pixels, kept=np.array(indices))
    return Regions(pixels, [examples[index] for index in indices], len(examples) - len(indices))


def _digest(examples: Sequence[Example], preprocess: RoiPreprocessing, segmenter: str) -> str:
    """Return a checksum of everything that the regions depend on; files by content, as copying changes their times."""
    digest = hashlib.sha256(json.dumps([segmenter, preprocess.to_dict()]).encode())
    for item in examples:
        digest.update(hashlib.sha256(item.path.read_bytes()).digest())
    return digest.hexdigest()
