"""Make training examples: an augmented region, with what is known about its class, its infection, and where it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...sources.intensity import resize
from ...weights.fitting import Example as Batch
from ..data.regions import Regions
from .augment import RoiAugmenter
from .lesions import Lesions
from .paste import LesionPaster
from .recipe import ClassifierRecipe
from .teachers import Teachers

INFECTED = 0.02
"""Infected share of the lungs from which a slice counts as infected; one with less, but some, counts as neither."""

Known = bool | None
"""An answer that may be unknown."""


class ExampleMaker:
    """Make one example from an index and a seed; indices beyond the pictures are slices with lesion masks.

    Unknown targets have weight 0. Pictures whose infection is unknown don't teach the map. Pictures known to be free of
    infection teach it that nothing is infected, and some of them get lesions pasted in.

    Parameters
    ----------
    training : Regions
    lesions : Lesions or None
        None for a network without a map of infection.
    teach : callable or None
        Takes a region, float32 (rows, columns), and returns a probability; see `Teachers`.
    recipe : ClassifierRecipe
    """

    def __init__(
        self,
        training: Regions,
        lesions: Lesions | None,
        teach: Teachers | Callable[[NDArray[np.float32]], float] | None,
        recipe: ClassifierRecipe,
    ) -> None:
        self._training, self._lesions, self._teach, self._recipe = training, lesions, teach, recipe
        self._augment = RoiAugmenter(recipe.floor(lesions is not None))
        self._paste = LesionPaster(lesions) if lesions and recipe.pasted else None

    def __call__(self, index: int, at: int) -> Batch:
        """Return the input, the targets and their weights, by output; see `lungct.classify.training.train`."""
        seed, count = at + self._recipe.seed, len(self._training.examples)
        if index >= count:
            return self._of_lesions(index - count, seed)
        item = self._training.examples[index]
        pixels = self._training.pixels[index]
        if self._lesions is None:
            roi, _ = self._augment(pixels, seed)
            return self._example(roi, item.covid, None)
        if item.infected is False and self._paste and np.random.default_rng(seed).random() < self._recipe.pasted:
            with_lesions, where = self._paste(pixels, seed)
            if where.any():
                roi, drawn = self._augment(with_lesions, seed, where)
                return self._example(roi, None, _infected(roi, drawn), drawn)
        roi, drawn = self._augment(pixels, seed)
        return self._example(roi, item.covid, item.infected, drawn if item.infected is False else None)

    def _of_lesions(self, index: int, seed: int) -> Batch:
        """Return a slice with a lesion mask; its class is the recipe's if it is infected, and non-COVID if not."""
        if self._lesions is None:
            raise IndexError(f"there is no slice {index} with lesions")
        roi, drawn = self._augment(self._lesions.pixels[index], seed, self._lesions.drawn[index])
        infected = _infected(roi, drawn)
        known = {"COVID": True, "NonCOVID": False, "unknown": None}[self._recipe.lesion_label]
        return self._example(roi, known if infected else None if infected is None else False, infected, drawn)

    def _example(
        self, roi: NDArray[np.float32], covid: Known, infected: Known, drawn: NDArray[np.float32] | None = None
    ) -> Batch:
        """Return an example; without `drawn` it does not teach the map."""
        label, labelled = float(covid or False), covid is not None
        if self._teach:
            label += (self._recipe.teachers_share if labelled else 1.0) * (self._teach(roi) - label)
        size = self._recipe.size
        targets: dict[str, Any] = {"logit": _one(label)}
        weights: dict[str, Any] = {"logit": np.float32(labelled or self._teach is not None)}
        if self._lesions is not None:
            targets |= {
                "infected": _one(float(infected or False)),
                "disease": _one(float(covid or False)),
                "lesions": _map_target(roi, drawn, size // 2),
            }
            weights |= {
                "infected": np.float32(infected is not None),
                "disease": np.float32(covid is not None and infected is not False),
                "lesions": np.float32(1),
            }
        return resize(roi, size, size)[..., None], targets, weights


def _one(value: float) -> NDArray[np.float32]:
    return np.array([value], dtype=np.float32)


def _infected(roi: NDArray[np.float32], drawn: NDArray[np.float32]) -> Known:
    share = drawn.sum() / max(np.count_nonzero(roi), 1)
    return True if share > INFECTED else False if share == 0 else None


def _map_target(roi: NDArray[np.float32], drawn: NDArray[np.float32] | None, side: int) -> NDArray[np.float32]:
    """Return lesions and the weight of each place, float32 (side, side, 2): lung counts, and nothing if unknown."""
    if drawn is None:
        return np.zeros((side, side, 2), dtype=np.float32)
    lung = (roi > 0).astype(np.float32)
    return np.stack([resize(one, side, side) for one in (drawn, lung)], axis=-1)
