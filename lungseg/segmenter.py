"""`LungSegmenter`: the first stage, from a scan to its lung mask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
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

WORTH_A_CLOSER_LOOK = 0.8
"""A box that holds more of the picture than this would show nothing new."""

SMALLEST_BOX = 0.3
"""Least side of the box, as a share of the picture's: closer looks are not trained."""


NEAR_BORDER = 0.06
"""Lungs of a whole slice end further from the picture's border than this share of its side."""

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


@dataclass(frozen=True, eq=False)
class Look:
    """What the network saw: probabilities of lung, float32 (size, size), and the box of the slice they cover."""

    grid: NDArray[np.float32]
    box: Box

    def over_box(self) -> NDArray[np.float32]:
        """Return the probability of every pixel in the box."""
        rows, columns = (part.stop - part.start for part in self.box)
        return resize(self.grid, rows, columns)


class LungSegmenter:
    """Finds the lungs with a BCD U-Net.

    It looks twice at a slice: at the whole, then closely at the box in which it found lungs. The network is small, and
    the body often fills half of the picture. The first look is coarse, unless in doubt. Slices of volumes are worked on
    side by side.

    Parameters
    ----------
    card : Card or None
        The network; by default the shipped one.
    engine : {"auto", "openvino", "onnxruntime"}
        What runs it: see `lungct.weights.Engine`.
    precision : {"f32", "bf16", "int8"}
        See `lungct.weights.Precision`.
    threads : int, optional
        Processor threads; by default as many as this process may use.
    callers : int
        How many threads will call it side by side, each with its share of the processor's.

    Attributes
    ----------
    threshold : float
        Probability above which a pixel is called lung.
    least_confidence : float
        `Segmentation.confidence` below which a mask is not to be judged; 0 where the card knows none.

    Raises
    ------
    WeightsError
        When the network is missing or changed, or the engine is not installed.
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
        """Open a network of your own, as ``lungct train lungseg`` writes it: give the path of its card."""
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
            With a mask of the scan's own shape; empty where no lung was found.

        Raises
        ------
        SourceError
            When the scan is known to be of another modality than the network's.
        """
        scan.check_is(self.card.modality)
        mask = np.zeros(scan.shape, dtype=np.bool_)
        confidence = np.empty(len(scan), dtype=np.float32)

        def decide(look: Look | None, index: int) -> None:
            """Write one slice's result in its place, on the thread that found it."""
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
        """Return how sure a coarse look at each slice is, float32 (slices,): `Segmentation.confidence` at a glance."""
        whole = (slice(0, scan.shape[1]), slice(0, scan.shape[2]))

        def sure(run: Run, index: int) -> float:
            grid = self._look(run, scan, index, whole, self._coarse).grid
            return expected_dice(grid, grid > self.threshold)

        return np.array([*self._network.map(sure, range(len(scan)))], dtype=np.float32)

    def probabilities(self, scan: Scan) -> Iterator[NDArray[np.float32]]:
        """Yield the probability of lung for every pixel of one slice after another, float32 (height, width)."""
        for look in self._look_at(scan, lambda look, _: look):
            whole = np.zeros(scan.shape[1:], dtype=np.float32)
            if look is not None:
                whole[look.box] = look.over_box()
            yield whole

    def _look_at(self, scan: Scan, then: Callable[[Look | None, int], Result]) -> Iterator[Result]:
        """Look at every slice and yield what `then` makes of the last look; None is a slice without lung."""
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
            # Neighbours count: where lungs begin and end, they show where to look for the smallest of them.
            near = [mask for _, mask in found[max(0, index - 1) : index + 2] if mask.any()]
            box = box_around(near, self._margin or 0.0, scan.shape[1:])
            look = found[index][0]
            if box and (len(look.grid) < self._close.size or _share(box, whole) < WORTH_A_CLOSER_LOOK):
                look = self._look(run, scan, index, box, self._close)
            return then(look if box else None, index)

        yield from self._network.map(second, slices)

    def _is_doubtful(self, look: Look) -> bool:
        """Tell whether a coarse look may have missed a lung; where it saw none, neighbours would know of one."""
        inside = look.grid > self.threshold
        return bool(inside.any()) and expected_dice(look.grid, inside) < self._doubt

    def _may_be_cut(self, look: Look) -> bool:
        """Tell whether a picture may be cut through a lung, which a coarse look takes for the air outside."""
        inside = look.grid > self.threshold
        edge = round(NEAR_BORDER * len(inside))
        near_border = inside[edge:-edge, edge:-edge].sum() < inside.sum()
        return bool(near_border or not inside.any() or smaller_lung(inside) < SMALLER_LUNG)

    def _look(self, run: Run, scan: Scan, index: int, box: Box, preprocess: SlicePreprocessing) -> Look:
        output = run(preprocess(scan.pixels[index][box], scan.intensity)[None, ..., None])[0]
        return Look(np.asarray(output[0, ..., 0]), box)


def _share(box: Box, whole: Box) -> float:
    """Return how much of a picture a box takes."""
    (rows, columns), (height, width) = ([part.stop - part.start for part in parts] for parts in (box, whole))
    return float(rows * columns / (height * width))


def box_around(masks: Sequence[NDArray[np.bool_]], margin: float, shape: tuple[int, ...]) -> Box | None:
    """Return rows and columns, in a picture of another shape, that hold masks and a margin; None without masks.

    The masks may differ in size, and none is empty. The margin is a share of their extent; no side gets smaller than
    `SMALLEST_BOX`, unless the picture ends.
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
