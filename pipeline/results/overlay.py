"""Draw overlays: slice, lung outline, heatmap, caption."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .data import PredictionData, SliceView
from .lungs import volume_in_words
from .wording import DISCLAIMER, answer_in_words, infected_in_words

SHORTEST_SIDE = 384
"""Smaller slices are enlarged for the overlay, so that the caption is readable."""

SHEET_COLUMNS, SHEET_ROWS, SHEET_TILE = 4, 3, 320
"""A volume's sheet: tiles across, tiles down, and the longer side of a tile in pixels."""

OUTLINE, BORDER = (0, 220, 255), (255, 225, 0)
"""Colours of the lungs' outline, and of the border of infection."""

RED = np.array([255, 60, 0], dtype=np.float32)
STRONGEST = 0.55
"""Opacity of the heatmap where it is 1."""

UNDECIDED, UNLIKELY = 0.5, 0.2
"""Where the heatmap fades to nothing: where there is no evidence either way, and where infection is unlikely."""


def draw_prediction(prediction: PredictionData, slice_index: int | None = None) -> Image.Image:
    """Draw one slice, or a sheet of slices for a volume; see `Prediction.overlay`."""
    if slice_index is None and prediction.slices > 1:
        return draw_sheet(prediction)
    return draw_overlay(prediction, slice_index or 0)


def draw_overlay(prediction: PredictionData, slice_index: int = 0) -> Image.Image:
    """Draw one slice of a prediction, with its caption."""
    view = prediction.slice_view(slice_index)
    picture = draw_evidence(view, max(1.0, SHORTEST_SIDE / min(view.mask.shape)))
    return _with_caption(picture, _caption(prediction, slice_index))


def draw_sheet(prediction: PredictionData) -> Image.Image:
    """Draw a sheet of a volume's slices, evenly spaced along the lungs, with one caption."""
    tiles = []
    for index in along_lungs(prediction, SHEET_COLUMNS * SHEET_ROWS):
        view = prediction.slice_view(index)
        picture = draw_evidence(view, SHEET_TILE / max(view.mask.shape))
        tiles.append(_with_caption(picture, [place_in_words(prediction, index)]))
    width, height = tiles[0].size
    sheet = Image.new("RGB", (width * min(SHEET_COLUMNS, len(tiles)), height * -(-len(tiles) // SHEET_COLUMNS)))
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % SHEET_COLUMNS * width, number // SHEET_COLUMNS * height))
    return _with_caption(sheet, _caption(prediction))


def along_lungs(prediction: PredictionData, count: int) -> list[int]:
    """Return at most `count` slices, evenly spaced from the first to the last with lung, or over all without lung."""
    found = np.flatnonzero(np.isfinite(prediction.slice_probabilities))
    first, last = (found[0], found[-1]) if found.size else (0, prediction.slices - 1)
    return [int(index) for index in np.unique(np.rint(np.linspace(first, last, count)))]


def draw_plain(view: SliceView, scale: float) -> Image.Image:
    """Draw a slice in grey, as on a screen."""
    height, width = view.display.shape
    grey = Image.fromarray(np.rint(view.display * 255).astype(np.uint8))
    return grey.resize((round(width * scale), round(height * scale)), Image.Resampling.BICUBIC)


def draw_evidence(view: SliceView, scale: float) -> Image.Image:
    """Draw slice, heatmap, border of infection and outline, RGB."""
    grey = draw_plain(view, scale)
    canvas: NDArray[Any] = np.repeat(np.asarray(grey, dtype=np.float32)[..., None], 3, axis=2)
    lungs, opacity, border = _lungs_and_heat(view, grey.size)
    canvas = canvas * (1 - opacity[..., None]) + RED * opacity[..., None]
    canvas[border] = BORDER
    canvas[_outline(lungs)] = OUTLINE
    return Image.fromarray(np.rint(canvas).astype(np.uint8))


def draw_layers(view: SliceView, scale: float) -> tuple[Image.Image, Image.Image]:
    """Draw heatmap and outline as separate transparent pictures, to be laid over `draw_plain`, the outline last.

    The border of infection belongs to the heatmap.
    """
    height, width = view.mask.shape
    lungs, opacity, border = _lungs_and_heat(view, (round(width * scale), round(height * scale)))
    return _tint(np.where(border, 1.0, opacity), RED, opaque=BORDER), _tint(_outline(lungs), np.array(OUTLINE))


def _lungs_and_heat(
    view: SliceView, size: tuple[int, int]
) -> tuple[NDArray[np.bool_], NDArray[Any], NDArray[np.bool_]]:
    """Return the mask, the heatmap's opacity per pixel and the border of infection, resized to (width, height)."""
    heat = np.asarray(Image.fromarray(view.heatmap).resize(size, Image.Resampling.BILINEAR))
    lungs = _resized(view.mask, size)
    infected = np.zeros_like(lungs) if view.infected is None else lungs & _resized(view.infected, size)
    lowest = UNDECIDED if view.infected is None else UNLIKELY
    opacity = np.clip((heat - lowest) / (1 - lowest), 0, 1) * STRONGEST * lungs
    return lungs, opacity, infected & ~_erode(infected)


def _resized(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return a mask resized to (width, height)."""
    return np.asarray(Image.fromarray(mask).convert("L").resize(size, Image.Resampling.BILINEAR)) > 127


def _tint(opacity: NDArray[Any], colour: NDArray[Any], opaque: tuple[int, int, int] | None = None) -> Image.Image:
    """Return a picture of one colour with the given opacity, 0 to 1, stored as a palette with transparency.

    What is fully opaque has the colour `opaque`, if given.
    """
    picture = Image.fromarray(np.rint(opacity * 255.0).astype(np.uint8)).convert("L")
    own = [int(part) for part in colour]
    picture.putpalette(own * 255 + list(opaque or own))
    picture.info["transparency"] = bytes(range(256))
    return picture


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the outermost two pixels of a mask."""
    return mask & ~_erode(_erode(mask))


def _erode(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    padded = np.pad(mask, 1)
    return mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]


def _caption(prediction: PredictionData, slice_index: int | None = None) -> list[str]:
    answer = answer_in_words(prediction.label, prediction.prediction_set)
    if prediction.probability is not None:
        answer += f", probability of COVID {prediction.probability:.2f}"
    if prediction.slices > 1 and slice_index is not None:
        answer += f" ({place_in_words(prediction, slice_index)})"
    measured = []
    if prediction.lung_volume_ml is not None:
        measured.append(f"lungs {volume_in_words(prediction.lung_volume_ml, prediction.warnings)}")
    if prediction.infected_fraction is not None:
        measured.append(f"infected {infected_in_words(prediction.infected_fraction)} of the lungs")
    warnings = f"warnings: {', '.join(prediction.warnings)}" if prediction.warnings else "no warnings"
    return [answer, *([", ".join(measured)] if measured else []), f"{warnings}. {DISCLAIMER}"]


def place_in_words(prediction: PredictionData, index: int) -> str:
    """Return a slice's number and its probability."""
    own = prediction.slice_probabilities[index]
    return f"slice {index + 1} of {prediction.slices}: " + (f"{own:.2f}" if np.isfinite(own) else "no lung")


def _with_caption(picture: Image.Image, lines: list[str]) -> Image.Image:
    """Add lines of text on a black strip below the picture, as large as its width allows."""
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
