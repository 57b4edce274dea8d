"""Regions of interest of many pictures, cut once before training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..sources import Scan, read_scan
from .dataset import Example
from .roi import RoiPreprocessing

FindLungs = Callable[[Scan], NDArray[np.bool_]]
"""From a scan to its lung masks, bool (slices, height, width): the first stage, handed in."""


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions of interest of many pictures.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, size, size)
    examples : list of Example
        The picture behind each region.
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
        """As the network takes them, float32 (n, size, size, 1)."""
        return self.pixels[..., None].astype(np.float32) / np.float32(255)


def cut_regions(examples: Sequence[Example], find_lungs: FindLungs, preprocess: RoiPreprocessing) -> Regions:
    """Run the first stage over pictures and cut out their lungs."""
    from rich.progress import track

    regions, kept = [], []
    for item in track(examples, description="Finding lungs"):
        scan = read_scan(item.path)
        mask = find_lungs(scan)[0]
        if mask.any():
            roi, _ = preprocess(scan.pixels[0], scan.intensity, mask)
            regions.append(np.rint(roi * 255).astype(np.uint8))
            kept.append(item)
    print(f"{len(kept)} of {len(examples)} pictures show lungs")
    return Regions(np.stack(regions), kept, len(examples) - len(kept))
