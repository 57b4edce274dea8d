"""Draw the pictures of a result sheet: one slice, or selected slices of a volume with a chart to pick from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...common.page import picture_uri
from .charts import chart_of
from .data import PredictionData
from .overlay import along_lungs, draw_evidence, draw_plain, place_in_words
from .wording import HEATMAP_IN_WORDS, OUTLINE_IN_WORDS

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_SLICES = 24
"""Most slices of a volume; each is shown twice, with and without outline and heatmap."""

LONGEST_SIDE = 640
MANY, LONGEST_OF_MANY = 8, 416
"""Number of pictures that count as many, and their longer side in pixels; a sheet should stay under 1.5 MB."""

SHORTEST_SIDE = 320
"""Smaller pictures are enlarged."""


def slices_of_sheet(prediction: PredictionData) -> dict[str, Any]:
    """Return the values for ``templates/slices.html``; a heatmap is drawn only if there is an answer."""
    total, judged = prediction.slices, prediction.label != "indeterminate"
    shown = _chosen(prediction)
    own = prediction.slice_probabilities if judged else np.full(total, np.nan, np.float32)
    first = _first_shown(own, shown)
    side = LONGEST_OF_MANY if len(shown) > MANY else LONGEST_SIDE
    edges = [0.0, *((a + b + 1) / 2 for a, b in pairwise(shown)), float(total)]
    return {
        "total": total,
        "chart": chart_of(own, prediction.threshold),
        "slices": [
            {
                "name": _name(prediction, index, judged),
                "left": 100 * left / total,
                "width": 100 * (right - left) / total,
                "first": index == first,
                "pictures": list(_pictures(prediction, index, side)),
            }
            for index, (left, right) in zip(shown, pairwise(edges), strict=True)
        ],
        "outline": OUTLINE_IN_WORDS if prediction.lung_fraction else "",
        "heatmap": HEATMAP_IN_WORDS[prediction.classification.explain] if judged and prediction.classification else "",
    }


def _name(prediction: PredictionData, index: int, judged: bool) -> str:
    return place_in_words(prediction, index).capitalize() if judged else f"Slice {index + 1} of {prediction.slices}"


def _chosen(prediction: PredictionData) -> list[int]:
    """Return the slices to show: evenly spaced along the lungs, and the most suspicious one."""
    own = prediction.slice_probabilities
    highest = {int(np.nanargmax(own))} if np.isfinite(own).any() else set()
    return sorted({*along_lungs(prediction, MOST_SLICES - 1), *highest})


def _first_shown(own: NDArray[np.float32], shown: list[int]) -> int:
    """Return the slice to show first: the most suspicious one, or without probabilities the middle one."""
    return int(np.nanargmax(own)) if np.isfinite(own).any() else shown[len(shown) // 2]


def _pictures(prediction: PredictionData, index: int, side: int) -> Iterator[dict[str, str]]:
    """Yield a slice with outline and heatmap, if there is lung, then the plain slice."""
    view = prediction.slice_view(index)
    if prediction.label == "indeterminate":
        view = replace(view, heatmap=np.zeros_like(view.heatmap), infected=None)
    longest = max(view.mask.shape)
    scale = max(min(1.0, side / longest), SHORTEST_SIDE / longest)
    name = f"slice {index + 1}" if prediction.slices > 1 else "the slice"
    if view.mask.any():
        yield _picture("drawn", draw_evidence(view, scale), f"{name} with outline and heatmap")
    yield _picture("plain", draw_plain(view, scale), f"{name} without marks")


def _picture(kind: str, picture: Image, words: str) -> dict[str, str]:
    return {"kind": kind, "address": picture_uri(picture, "WEBP", 80), "words": words}
