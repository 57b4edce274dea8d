"""Prepare a prediction for the service's page, in one answer: text, picture layers, files."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.page import picture_uri
from ...common.rendering import render
from ...common.warning_codes import warning_in_words
from ...sources import Scan
from ...sources.nifti import write_nifti
from ..prediction import Prediction
from ..results.charts import bar_of, chart_of
from ..results.infection import GRADES_IN_WORDS
from ..results.lungs import volume_in_words
from ..results.overlay import draw_layers, draw_plain, place_in_words
from ..results.wording import (
    HEATMAP_IN_WORDS,
    LABELS_IN_WORDS,
    OUTLINE_IN_WORDS,
    answer_in_words,
    infected_in_words,
    prediction_set_in_words,
    probability_in_words,
)
from .pictures import mask_png, png

MOST_SLICES = 120
"""Most slices of a volume; more would take longer to send than to predict."""

HEATMAPS: Mapping[str, str] = MappingProxyType(
    {"lesions": "Heatmap: infection", "cam": "Heatmap: class activation", "occlusion": "Heatmap: occlusion"}
)
"""Name of the switch for the heatmap, by what it shows; see `lungct.classify.Explain`."""

LONGEST_SIDE = 768
MANY, LONGEST_OF_MANY = 8, 512
"""Number of pictures that count as many, and their longer side in pixels."""


def view_of(prediction: Prediction, scan: Scan, folder: Path) -> dict[str, Any]:
    """Return everything that the page shows and offers for download, as JSON types.

    Parameters
    ----------
    prediction : Prediction
    scan : Scan
        The scan that was predicted.
    folder : Path
        Private folder for temporary files.

    Returns
    -------
    dict
        ``prediction``, from `Prediction.to_dict`; ``answer``, the label for readers; ``words``, ``infection``,
        ``warnings`` and ``facts``, plain sentences; ``layers``, the name of each; ``legend``, what each available layer
        shows; ``bar`` and ``chart``, SVG; ``slices``, at most `MOST_SLICES`, each with its index,
        text, and the pictures ``plain``, ``outline`` and ``heatmap`` as data URIs; ``first``, which of them to show
        first; ``files``, each with its name, description, media type, and content in base64.
    """
    if prediction.classification is None:
        raise ValueError(f"{prediction.source}: no pictures, because it could not be read ({prediction.error})")
    explain = prediction.classification.explain
    judged = prediction.probability is not None and prediction.label != "indeterminate"
    shown = _shown(prediction, judged)
    own = prediction.slice_probabilities if judged else np.full(prediction.slices, np.nan, np.float32)
    return {
        "prediction": prediction.to_dict(),
        "answer": answer_in_words(prediction.label, prediction.prediction_set),
        "words": list(_words(prediction, judged)),
        "infection": list(_infection(prediction)) if judged else [],
        "warnings": [{"code": code, "words": warning_in_words(code)} for code in prediction.warnings],
        "facts": list(_facts(prediction)),
        "layers": {"outline": "Lung outline", "heatmap": HEATMAPS[explain]},
        "legend": {
            "outline": OUTLINE_IN_WORDS if prediction.lung_fraction else "",
            "heatmap": HEATMAP_IN_WORDS[explain] if judged else "",
        },
        "bar": _bar(prediction) if judged else "",
        "chart": _chart(own, prediction.threshold) if prediction.slices > 1 else "",
        "slices": [_slice(prediction, index, judged, len(shown)) for index in shown],
        "first": shown.index(_most_suspicious(prediction, judged)),
        "files": list(_files(prediction, scan, folder)),
    }


def _words(prediction: Prediction, judged: bool) -> Iterator[str]:
    if judged and prediction.probability is not None:
        yield f"{probability_in_words(prediction.probability, prediction.interval)}."
    if prediction.label is not None:
        yield LABELS_IN_WORDS[prediction.label]
    if judged and prediction.interval is not None:  # otherwise the network has no trust data
        yield prediction_set_in_words(prediction.prediction_set, prediction.error_level)
    if judged and prediction.caution:
        yield prediction.caution


def _infection(prediction: Prediction) -> Iterator[str]:
    """Say how much is infected; nothing if the network has no map of infection."""
    found = prediction.infection
    if found is None:
        return
    yield f"Infected: {infected_in_words(found.fraction)} of the lungs{' in this slice' * (prediction.slices == 1)}."
    sides = (
        f"{side} lung {'not found' if share is None else infected_in_words(share)}"
        for side, share in found.sides.items()
    )
    yield f"{', '.join(sides)}.".capitalize()
    yield f"Grade {found.grade} of {len(GRADES_IN_WORDS) - 1}: {GRADES_IN_WORDS[found.grade]}."


def _facts(prediction: Prediction) -> Iterator[str]:
    share = f"{100 * (prediction.lung_fraction or 0):.1f} % of the pixels"
    volume = prediction.lung_volume_ml
    yield f"Lungs: {share}." if volume is None else f"Lungs: {volume_in_words(volume, prediction.warnings)}, {share}."
    if prediction.ood_score is not None:
        yield f"Distance from the training data: {prediction.ood_score:.2f}. Above 1, no answer is given."


def _bar(prediction: Prediction) -> str:
    bar = bar_of(prediction.probability or 0.0, prediction.interval, prediction.threshold)
    return render("pipeline/results/templates/bar.svg", bar=bar)


def _chart(probabilities: NDArray[np.float32], threshold: float | None) -> str:
    return render("pipeline/results/templates/chart.svg", chart=chart_of(probabilities, threshold))


def _most_suspicious(prediction: Prediction, judged: bool) -> int:
    """Return the slice with the highest probability; without an answer, the one with the most lung."""
    if judged:
        return int(np.nanargmax(prediction.slice_probabilities))
    mask = np.asarray(prediction.lung_mask).reshape(prediction.slices, -1)
    return int(mask.sum(axis=1).argmax())


def _shown(prediction: Prediction, judged: bool) -> list[int]:
    """Return the slices to show: all, or if there are too many, evenly spaced ones and the most suspicious one."""
    if prediction.slices <= MOST_SLICES:
        return list(range(prediction.slices))
    spaced = np.rint(np.linspace(0, prediction.slices - 1, MOST_SLICES - 1)).astype(int)
    return sorted({*spaced.tolist(), _most_suspicious(prediction, judged)})


def _slice(prediction: Prediction, index: int, judged: bool, count: int) -> dict[str, Any]:
    view = prediction.slice_view(index)
    side = LONGEST_OF_MANY if count > MANY else LONGEST_SIDE
    scale = min(1.0, side / max(view.mask.shape))
    heatmap, outline = draw_layers(view, scale)
    words = place_in_words(prediction, index) if judged else f"slice {index + 1} of {prediction.slices}"
    return {
        "index": index,
        "words": words.capitalize(),
        "plain": picture_uri(draw_plain(view, scale)),
        "outline": picture_uri(outline, "PNG"),
        "heatmap": picture_uri(heatmap, "PNG") if judged else None,
    }


def _files(prediction: Prediction, scan: Scan, folder: Path) -> Iterator[dict[str, str]]:
    mask = np.asarray(prediction.lung_mask)
    if len(scan) == 1:
        yield _file("mask.png", "Lung mask (PNG)", "image/png", mask_png(mask.reshape(scan.shape)[0]))
    else:
        path = write_nifti(folder / "mask.nii.gz", mask.reshape(scan.shape), scan)
        yield _file(path.name, "Lung mask (NIfTI)", "application/gzip", path.read_bytes())
    yield _file("overlay.png", "Overlay (PNG)", "image/png", png(prediction.overlay()))
    yield _file("sheet.html", "Result sheet (HTML)", "text/html", prediction.sheet().encode())
    record = json.dumps(prediction.to_dict(), indent=2)
    yield _file("prediction.json", "All figures (JSON)", "application/json", record.encode())


def _file(name: str, words: str, media: str, content: bytes) -> dict[str, str]:
    return {"name": name, "words": words, "type": media, "content": base64.b64encode(content).decode()}
