"""Write the pictures of a result sheet: one slice, or selected slices of a volume with a chart to pick from."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...common.page import picture_uri
from .charts import slice_chart
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

ACROSS = 6
"""Pictures per row on paper."""

STYLE = """
.pair{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,22rem),1fr));gap:.6rem;max-width:62rem}
.pair figure{margin:0;width:auto}
.slices{position:relative;max-width:62rem}
.chart{display:block;width:100%;height:7rem;border-bottom:1px solid;background:var(--soft);margin-bottom:.3rem}
.below{fill:var(--accent)}.above{fill:#e5482d}
.pick{appearance:none;position:absolute;top:0;height:7rem;margin:0;cursor:pointer;touch-action:pan-y}
.pick:hover{background:var(--line)}.pick:checked{background:var(--soft);box-shadow:inset 0 0 0 2px}
.pick:focus-visible{outline:3px solid var(--accent);outline-offset:1px;z-index:1}
.view{display:none}.pick:checked+.view{display:block}
.ends{display:flex;max-width:62rem;justify-content:space-between;font-size:.9rem}
.ramp{width:7rem;height:1rem;vertical-align:-.15rem;margin-right:.5rem;border:1px solid var(--line)}
@media print{
.pick,.ends,.hint{display:none}.view p{margin:0;font-size:7pt}.chart{height:2.5cm}
.pair{break-inside:avoid;max-width:15cm;grid-template-columns:repeat(auto-fill,minmax(min(100%,6cm),1fr))}
.slices{display:grid;grid-template-columns:repeat(var(--across),minmax(0,1fr));gap:2mm}.slices .chart{grid-column:1/-1}
.slices .view{display:block;break-inside:avoid}.slices .drawn+.plain{display:none}.slices .pair{display:block}
.above,.below,.band,.dot{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""
"""Style sheet. Slices are picked by radio buttons over the chart, which work with arrow keys and without scripts."""

DRAG = """<script>
document.querySelector('.slices').onpointermove = event => {
  const under = event.buttons && document.elementFromPoint(event.clientX, event.clientY)
  if (under && under.matches('.pick')) under.checked = true
}
</script>"""
"""Script that lets a finger slide along the chart."""

RAMP = (
    "<svg class=ramp viewBox='0 0 70 10' preserveAspectRatio=none aria-hidden=true><defs><linearGradient id=heat>"
    "<stop stop-color='#777'/><stop offset=1 stop-color='#c24832'/></linearGradient></defs>"
    "<rect width=70 height=10 fill='url(#heat)'/></svg>"
)


def slices_of_sheet(prediction: PredictionData, threshold: float | None) -> list[str]:
    """Return the pictures with their legend, as HTML; a heatmap is drawn only if there is an answer."""
    heatmap = prediction.label != "indeterminate"
    legend = f"<p>{OUTLINE_IN_WORDS}</p>" if prediction.lung_fraction else ""
    legend += f"<p>{RAMP}{HEATMAP_IN_WORDS}</p>" if heatmap else ""
    if prediction.slices == 1:
        return [_pair(prediction, 0, LONGEST_SIDE), legend]
    return [_picker(prediction, threshold, heatmap), DRAG, legend]


def _picker(prediction: PredictionData, threshold: float | None, heatmap: bool) -> str:
    """Return the chart of all slices, with a button over it for each slice shown."""
    total, shown = prediction.slices, _chosen(prediction)
    own = prediction.slice_probabilities if heatmap else np.full(total, np.nan, np.float32)
    first = _first_shown(own, shown)
    side = LONGEST_OF_MANY if len(shown) > MANY else LONGEST_SIDE
    edges = [0.0, *((a + b + 1) / 2 for a, b in pairwise(shown)), float(total)]
    parts = []
    for index, (left, right) in zip(shown, pairwise(edges), strict=True):
        name = place_in_words(prediction, index).capitalize() if heatmap else f"Slice {index + 1} of {total}"
        place = f"left:{100 * left / total:.2f}%;width:{100 * (right - left) / total:.2f}%"
        checked = " checked" if index == first else ""
        parts.append(
            f'<input class=pick type=radio name=slice aria-label="{name}" title="{name}" style="{place}"{checked}>'
            f"<div class=view><p><b>{name}</b></p>{_pair(prediction, index, side)}</div>"
        )
    what = "Probability of each slice" if heatmap else "Slices"
    return (
        f"<p>{what}. <span class=hint>Pick one on the chart, or with the arrow keys.</span></p>"
        f"<div class=ends><span>slice 1</span><span>slice {total}</span></div>"
        f'<div class=slices role=radiogroup aria-label=Slice style="--across:{min(ACROSS, len(shown))}">'
        f"{slice_chart(own, threshold)}{''.join(parts)}</div>"
    )


def _chosen(prediction: PredictionData) -> list[int]:
    """Return the slices to show: evenly spaced along the lungs, and the most suspicious one."""
    own = prediction.slice_probabilities
    highest = {int(np.nanargmax(own))} if np.isfinite(own).any() else set()
    return sorted({*along_lungs(prediction, MOST_SLICES - 1), *highest})


def _first_shown(own: NDArray[np.float32], shown: list[int]) -> int:
    """Return the slice to show first: the most suspicious one, or without probabilities the middle one."""
    return int(np.nanargmax(own)) if np.isfinite(own).any() else shown[len(shown) // 2]


def _pair(prediction: PredictionData, index: int, side: int) -> str:
    """Return a slice with outline and heatmap, if there is lung, next to the plain slice."""
    view = prediction.slice_view(index)
    if prediction.label == "indeterminate":
        view = replace(view, heatmap=np.zeros_like(view.heatmap))
    longest = max(view.mask.shape)
    scale = max(min(1.0, side / longest), SHORTEST_SIDE / longest)
    slice_ = f"slice {index + 1}" if prediction.slices > 1 else "the slice"
    plain = _figure("plain", draw_plain(view, scale), f"{slice_} without marks")
    drawn = (
        _figure("drawn", draw_evidence(view, scale), f"{slice_} with outline and heatmap") if view.mask.any() else ""
    )
    return f"<div class=pair>{drawn}{plain}</div>"


def _figure(kind: str, picture: Image, words: str) -> str:
    return f'<figure class={kind}><img src="{picture_uri(picture, "WEBP", 80)}" alt="{words}"></figure>'
