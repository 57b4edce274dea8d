"""The picture people look at: slice, lungs' outline, heatmap, caption."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .prediction import DISCLAIMER

if TYPE_CHECKING:
    from .prediction import Prediction

SHORTEST_SIDE = 384
"""Smaller slices are enlarged for the overlay: a caption must be readable."""

OUTLINE = (0, 220, 255)
FOR_COVID = np.array([255, 60, 0], dtype=np.float32)
STRONGEST = 0.55
"""Opacity of the heatmap where it is 1; it fades to nothing at 0.5, where a place speaks for neither."""


def draw_overlay(prediction: Prediction, slice_index: int = 0) -> Image.Image:
    """Draw one slice of a prediction; see `Prediction.overlay`."""
    if prediction.display is None or prediction.lung_mask is None or prediction.heatmap is None:
        raise ValueError(f"{prediction.source}: no overlay, because it could not be read ({prediction.error})")
    display, mask, heatmap = (
        array.reshape((-1, *array.shape[-2:]))[slice_index]
        for array in (prediction.display, prediction.lung_mask, prediction.heatmap)
    )
    height, width = display.shape
    scale = max(1.0, SHORTEST_SIDE / min(height, width))
    size = (round(width * scale), round(height * scale))
    grey = Image.fromarray(np.rint(display * 255).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    heat = np.asarray(Image.fromarray(heatmap).resize(size, Image.Resampling.BILINEAR))
    lungs = np.asarray(Image.fromarray(mask).convert("L").resize(size, Image.Resampling.BILINEAR)) > 127
    canvas: NDArray[Any] = np.repeat(np.asarray(grey, dtype=np.float32)[..., None], 3, axis=2)
    opacity = (np.clip((heat - 0.5) * 2, 0, 1) * STRONGEST * lungs)[..., None]
    canvas = canvas * (1 - opacity) + FOR_COVID * opacity
    canvas[_outline(lungs)] = OUTLINE
    return _with_caption(Image.fromarray(np.rint(canvas).astype(np.uint8)), _caption(prediction, slice_index))


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the outermost two pixels of a mask."""
    return mask & ~_erode(_erode(mask))


def _erode(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    padded = np.pad(mask, 1)
    return mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]


def _caption(prediction: Prediction, slice_index: int) -> list[str]:
    if prediction.probability is None:
        answer = f"{prediction.label}"
    else:
        answer = f"{prediction.label}, probability of COVID {prediction.probability:.2f}"
    if prediction.slices > 1:
        own = prediction.slice_probabilities[slice_index]
        place = f"slice {slice_index + 1} of {prediction.slices}"
        answer += f" ({place}: {own:.2f})" if np.isfinite(own) else f" ({place}: no lung)"
    warnings = f"warnings: {', '.join(prediction.warnings)}" if prediction.warnings else "no warnings"
    return [answer, f"{warnings}. {DISCLAIMER}"]


def _with_caption(picture: Image.Image, lines: list[str]) -> Image.Image:
    """Put lines of text on a black strip below the picture, as large as fits its width."""
    longest = max(lines, key=len)
    size = 16.0
    while size > 8 and ImageFont.load_default(size).getlength(longest) > picture.width - 12:
        size -= 1
    font, step = ImageFont.load_default(size), round(size * 1.35)
    whole = Image.new("RGB", (picture.width, picture.height + step * len(lines) + 8))
    whole.paste(picture)
    draw = ImageDraw.Draw(whole)
    for number, line in enumerate(lines):
        draw.text((6, picture.height + 3 + number * step), line, fill=(255, 255, 255), font=font)
    return whole
