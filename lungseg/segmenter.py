"""`LungSegmenter`: the first stage, from a scan to its lung mask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..sources import Intensity, Scan
from ..sources.intensity import resize
from ..weights import SEGMENTER, Card, Engine, load_card, open_session
from .cleanup import clean_mask
from .preprocessing import SlicePreprocessing
from .quality import expected_dice, quality_flags

WORTH_A_CLOSER_LOOK = 0.8
"""A box that holds more of the picture than this would show nothing new."""

SMALLEST_BOX = 0.3
"""Least side of the box, as a share of the picture's: closer looks are not trained."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Lungs of one scan.

    Parameters
    ----------
    mask : ndarray of bool, shape (slices, height, width)
        Lung, at the scan's own resolution.
    confidence : ndarray of float32, shape (slices,)
        Expected Dice of each slice if the network's probabilities are true, 0 to 1; 0 where it found no lung.
    flags : tuple of str
        What makes the mask doubtful: see `quality_flags`.
    """

    mask: NDArray[np.bool_]
    confidence: NDArray[np.float32]
    flags: tuple[str, ...]

    @property
    def lung_fraction(self) -> float:
        """Share of all pixels that is lung, 0 to 1."""
        return float(self.mask.mean())


class LungSegmenter:
    """Finds the lungs with a BCD U-Net.

    It looks twice at a slice: at the whole, then, larger, at the box in which it found lungs. The network is small,
    and the body often fills half of the picture.

    Parameters
    ----------
    card : Card or None
        The network; by default the shipped one.
    engine : {"openvino", "onnxruntime"}
    threads : int, optional
        Processor threads; by default the engine decides.

    Raises
    ------
    WeightsError
        When the network is missing or changed, or the engine is not installed.
    """

    def __init__(self, card: Card | None = None, engine: Engine = "openvino", threads: int | None = None) -> None:
        self.card = card or load_card(SEGMENTER)
        self._preprocess = SlicePreprocessing.from_dict(self.card.preprocessing)
        self.threshold = float(self.card.decision["threshold"])
        margin = self.card.decision.get("second_look_margin")
        self._margin = None if margin is None else float(margin)
        self._session = open_session(self.card, engine, threads)

    @classmethod
    def from_card(cls, path: str | Path, engine: Engine = "openvino", threads: int | None = None) -> LungSegmenter:
        """Open a network of your own, as ``lungct train lungseg`` writes it: give the path of its card."""
        return cls(load_card(path), engine, threads)

    def segment(self, scan: Scan) -> Segmentation:
        """Find the lungs.

        Parameters
        ----------
        scan : Scan

        Returns
        -------
        Segmentation
            With a mask of the scan's own shape; empty where no lung was found.
        """
        mask = np.empty(scan.shape, dtype=np.bool_)
        confidence = np.empty(len(scan), dtype=np.float32)
        for index, probability in enumerate(self.probabilities(scan)):
            mask[index] = probability > self.threshold
            confidence[index] = expected_dice(probability, mask[index])
        mask = clean_mask(mask[0])[None] if len(scan) == 1 else clean_mask(mask)
        sure = np.where(mask.any(axis=(1, 2)), confidence, np.float32(0))
        return Segmentation(mask, sure, quality_flags(mask, sure))

    def probabilities(self, scan: Scan) -> Iterator[NDArray[np.float32]]:
        """Yield the probability of lung for every pixel of one slice after another, float32 (height, width)."""
        looks = [self._look(pixels, scan.intensity) for pixels in scan.pixels]
        found = [clean_mask(look > self.threshold) for look in looks]
        for index, pixels in enumerate(scan.pixels):
            box = None
            if self._margin is not None:
                # Neighbours count: where lungs begin and end, they show where to look for the smallest of them.
                near = np.logical_or.reduce(found[max(0, index - 1) : index + 2])
                box = _box_around(near, self._margin, pixels.shape)
            if box is None or pixels[box].size > WORTH_A_CLOSER_LOOK * pixels.size:
                yield resize(looks[index], *pixels.shape)
                continue
            closer = np.zeros(pixels.shape, dtype=np.float32)
            closer[box] = resize(self._look(pixels[box], scan.intensity), *closer[box].shape)
            yield closer

    def _look(self, pixels: NDArray[np.float32], intensity: Intensity) -> NDArray[np.float32]:
        """Return the network's own output, float32 (size, size)."""
        output = self._session.run(self._preprocess(pixels, intensity)[None, ..., None])[0]
        return np.asarray(output[0, ..., 0])


def _box_around(mask: NDArray[np.bool_], margin: float, shape: tuple[int, ...]) -> tuple[slice, slice] | None:
    """Return rows and columns, in a picture of another shape, that hold a mask and a margin; None without lung.

    The margin is a share of the mask's extent; no side gets smaller than `SMALLEST_BOX`, unless the picture ends.
    """
    spans = []
    for axis, length in enumerate(shape):
        found = np.flatnonzero(mask.any(axis=1 - axis)) / mask.shape[axis]
        if found.size == 0:
            return None
        first, last = found[0], found[-1] + 1 / mask.shape[axis]
        middle = (first + last) / 2
        half = max((0.5 + margin) * (last - first), SMALLEST_BOX / 2)
        spans.append(slice(max(0, int((middle - half) * length)), min(length, int((middle + half) * length) + 1)))
    return spans[0], spans[1]
