"""Define `LungSegmenter`, the first stage: from a scan to its lung mask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..sources import Scan
from ..sources.intensity import resize
from ..weights import SEGMENTER, Card, Engine, Network, Precision, Run, load_card
from .cleanup import clean_mask
from .context import add_tips, without_air_and_tissue
from .preprocessing import SlicePreprocessing
from .quality import SMALLER_LUNG, expected_dice, quality_flags, smaller_lung
from .sides import left_and_right

WORTH_A_CLOSER_LOOK = 0.8
"""A box that covers more of the picture than this is not worth a second look."""

SMALLEST_BOX = 0.3
"""Smallest side of the box, as a share of the picture's side: the network was not trained on closer crops."""


NEAR_BORDER = 0.06
"""In an uncropped slice, lungs end at least this share of the side away from the border."""

Result = TypeVar("Result")

Box = tuple[slice, slice]
"""Rows and columns of a slice."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Lungs of one scan.

    Parameters
    ----------
    mask : ndarray of bool, shape (slices, height, width)
        Lung, at the scan's own resolution.
    confidence : ndarray of float32, shape (slices,)
        Expected Dice of each slice if the network's probabilities are right, 0 to 1; 0 where it found no lung.
    flags : tuple of str
        Codes of doubts about the mask; see `quality_flags`.
    """

    mask: NDArray[np.bool_]
    confidence: NDArray[np.float32]
    flags: tuple[str, ...]

    @cached_property
    def labels(self) -> NDArray[np.uint8]:
        """The patient's right lung as 1 and left lung as 2, uint8 with the mask's shape; see `left_and_right`."""
        return left_and_right(self.mask)

    @property
    def lung_fraction(self) -> float:
        """Share of all pixels that is lung, 0 to 1."""
        return float(self.mask.mean())


@dataclass(frozen=True, eq=False)
class Look:
    """One output of the network: probabilities of lung, float32 (size, size), and the box of the slice they cover."""

    grid: NDArray[np.float32]
    box: Box

    def over_box(self) -> NDArray[np.float32]:
        """Return the probability of every pixel in the box."""
        rows, columns = (part.stop - part.start for part in self.box)
        return resize(self.grid, rows, columns)


class LungSegmenter:
    """Find the lungs with a BCD U-Net.

    It looks at each slice twice: at the whole slice, then closely at the box in which it found lungs, because the
    network is small and the body often fills only half of the picture. The first look is coarse, and repeated at full
    size if in doubt. Slices of volumes are processed in parallel.

    Parameters
    ----------
    card : Card or None
        The network's card; by default, that of the shipped network.
    engine : {"auto", "openvino", "onnxruntime"}
        Inference engine; see `lungct.weights.Engine`.
    precision : {"f32", "bf16", "int8"}
        See `lungct.weights.Precision`.
    threads : int, optional
        Processor threads; by default, as many as this process may use.
    callers : int
        Number of threads that will call it in parallel; each gets its share of the processor threads.

    Attributes
    ----------
    threshold : float
        Probability above which a pixel counts as lung.
    least_confidence : float
        `Segmentation.confidence` below which the lungs should not be classified; 0 if the card gives none.

    Raises
    ------
    WeightsError
        When the network is missing or was modified, or the engine is not installed.
    """

    def __init__(
        self,
        card: Card | None = None,
        engine: Engine = "auto",
        precision: Precision = "f32",
        threads: int | None = None,
        callers: int = 1,
    ) -> None:
        self.card = card or load_card(SEGMENTER)
        self._close = SlicePreprocessing.from_dict(self.card.preprocessing)
        decision = self.card.decision
        self._coarse = replace(self._close, size=int(decision.get("first_look_size", self._close.size)))
        self._doubt = float(decision.get("first_look_doubt", 0.0))
        self.threshold = float(decision["threshold"])
        margin = decision.get("second_look_margin")
        self._margin = None if margin is None else float(margin)
        self.least_confidence = float(decision.get("least_confidence", 0.0))
        self._network = Network(self.card, engine, precision, threads, callers)

    @classmethod
    def from_card(
        cls, path: str | Path, engine: Engine = "auto", precision: Precision = "f32", threads: int | None = None
    ) -> LungSegmenter:
        """Open your own network, as written by ``lungct train lungseg``, from the path of its card."""
        return cls(load_card(path), engine, precision, threads)

    @property
    def provenance(self) -> dict[str, str]:
        """Name, version, precision and checksum of the network."""
        return self._network.provenance

    def segment(self, scan: Scan) -> Segmentation:
        """Find the lungs.

        Parameters
        ----------
        scan : Scan

        Returns
        -------
        Segmentation
            Its mask has the scan's shape, and is empty where no lung was found.

        Raises
        ------
        SourceError
            When the scan is known to have another modality than the network.
        """
        scan.check_is(self.card.modality)
        mask = np.zeros(scan.shape, dtype=np.bool_)
        confidence = np.empty(len(scan), dtype=np.float32)

        def decide(look: Look | None, index: int) -> None:
            """Write one slice's result into the arrays, on the thread that found it."""
            confidence[index] = 0 if look is None else expected_dice(look.grid, look.grid > self.threshold)
            if look is not None:
                mask[index][look.box] = look.over_box() > self.threshold
                if scan.intensity == "hu":
                    mask[index] = without_air_and_tissue(mask[index], scan.pixels[index])

        for _ in self._look_at(scan, decide):
            pass
        threads = self._network.threads
        mask = clean_mask(mask[0])[None] if len(scan) == 1 else clean_mask(mask, threads)
        if scan.intensity == "hu":
            mask = add_tips(mask, scan.pixels)
        sure = np.where(mask.any(axis=(1, 2)), confidence, np.float32(0))
        return Segmentation(mask, sure, quality_flags(mask, sure, threads))

    def glance(self, scan: Scan) -> NDArray[np.float32]:
        """Return the confidence of a coarse look at each slice, float32 (slices,); see `Segmentation.confidence`."""
        whole = (slice(0, scan.shape[1]), slice(0, scan.shape[2]))

        def sure(run: Run, index: int) -> float:
            grid = self._look(run, scan, index, whole, self._coarse).grid
            return expected_dice(grid, grid > self.threshold)

        return np.array([*self._network.map(sure, range(len(scan)))], dtype=np.float32)

    def probabilities(self, scan: Scan) -> Iterator[NDArray[np.float32]]:
        """Yield, slice by slice, the probability of lung for every pixel, float32 (height, width)."""
        for look in self._look_at(scan, lambda look, _: look):
            whole = np.zeros(scan.shape[1:], dtype=np.float32)
            if look is not None:
                whole[look.box] = look.over_box()
            yield whole

    def _look_at(self, scan: Scan, then: Callable[[Look | None, int], Result]) -> Iterator[Result]:
        """Look at every slice and yield ``then(last look, index)``; the look is None for a slice without lung."""
        slices = range(len(scan))
        whole = (slice(0, scan.shape[1]), slice(0, scan.shape[2]))
        if self._margin is None:
            yield from self._network.map(
                lambda run, index: then(self._look(run, scan, index, whole, self._close), index), slices
            )
            return

        def first(run: Run, index: int) -> tuple[Look, NDArray[np.bool_]]:
            look = self._look(run, scan, index, whole, self._coarse)
            if self._coarse != self._close and (self._is_doubtful(look) or (len(scan) == 1 and self._may_be_cut(look))):
                look = self._look(run, scan, index, whole, self._close)
            return look, clean_mask(look.grid > self.threshold)

        found = list(self._network.map(first, slices))

        def second(run: Run, index: int) -> Result:
            # Include the neighbours: near the ends of the lungs, they show where to look for the smallest parts.
            near = [mask for _, mask in found[max(0, index - 1) : index + 2] if mask.any()]
            box = box_around(near, self._margin or 0.0, scan.shape[1:])
            look = found[index][0]
            if box and (len(look.grid) < self._close.size or _share(box, whole) < WORTH_A_CLOSER_LOOK):
                look = self._look(run, scan, index, box, self._close)
            return then(look if box else None, index)

        yield from self._network.map(second, slices)

    def _is_doubtful(self, look: Look) -> bool:
        """Tell whether a coarse look may have missed a lung. If it saw none, the neighbours' lungs are used."""
        inside = look.grid > self.threshold
        return bool(inside.any()) and expected_dice(look.grid, inside) < self._doubt

    def _may_be_cut(self, look: Look) -> bool:
        """Tell whether the border may cut through a lung, which a coarse look mistakes for outside air."""
        inside = look.grid > self.threshold
        edge = round(NEAR_BORDER * len(inside))
        near_border = inside[edge:-edge, edge:-edge].sum() < inside.sum()
        return bool(near_border or not inside.any() or smaller_lung(inside) < SMALLER_LUNG)

    def _look(self, run: Run, scan: Scan, index: int, box: Box, preprocess: SlicePreprocessing) -> Look:
        output = run(preprocess(scan.pixels[index][box], scan.intensity)[None, ..., None])[0]
        return Look(np.asarray(output[0, ..., 0]), box)


def _share(box: Box, whole: Box) -> float:
    """Return the share of a picture that a box covers."""
    (rows, columns), (height, width) = ([part.stop - part.start for part in parts] for parts in (box, whole))
    return float(rows * columns / (height * width))


def box_around(masks: Sequence[NDArray[np.bool_]], margin: float, shape: tuple[int, ...]) -> Box | None:
    """Return the box, in a picture of the given shape, that contains the masks and a margin; None without masks.

    The masks may differ in size; none is empty. The margin is a share of their extent. No side is smaller than
    `SMALLEST_BOX`, except at the picture's border.
    """
    if not masks:
        return None
    spans = []
    for axis, length in enumerate(shape):
        ends = [np.flatnonzero(mask.any(axis=1 - axis))[[0, -1]] / mask.shape[axis] for mask in masks]
        first = min(start for start, _ in ends)
        last = max(stop + 1 / mask.shape[axis] for (_, stop), mask in zip(ends, masks, strict=True))
        middle = (first + last) / 2
        half = max((0.5 + margin) * (last - first), SMALLEST_BOX / 2)
        spans.append(slice(max(0, int((middle - half) * length)), min(length, int((middle + half) * length) + 1)))
    return spans[0], spans[1]
