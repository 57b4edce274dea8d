"""Write the result sheet: one page about one scan, for readers who want to know how far to trust the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...common.rendering import render
from ...common.warning_codes import warning_in_words
from .charts import bar_of
from .data import PredictionData
from .infection import GRADES_IN_WORDS
from .lungs import volume_in_words
from .slices import slices_of_sheet
from .wording import (
    DISCLAIMER,
    EXPLANATIONS_IN_WORDS,
    INTERVAL_IN_WORDS,
    LABELS_IN_WORDS,
    LEVEL_OF_VOLUMES,
    answer_in_words,
    infected_in_words,
    prediction_set_in_words,
    probability_in_words,
)

if TYPE_CHECKING:
    from ...sources import Scan

INTENSITIES = {"hu": "Hounsfield units", "display": "grey as on a screen, with an unknown window"}


def result_sheet(prediction: PredictionData) -> str:
    """Return the sheet of a prediction as an HTML page that needs no other file; see `Prediction.sheet`."""
    name = Path(prediction.source).name or prediction.source
    scan = prediction.scan
    return render(
        "pipeline/results/templates/sheet.html",
        title=f"Result sheet: {name}",
        notes=[note for note in (DISCLAIMER, prediction.caution) if note],
        label=answer_in_words(prediction.label, prediction.prediction_set) or None,
        problem=(prediction.error or "").removeprefix(f"{prediction.source}: ").replace(prediction.source, name),
        **_answer(prediction),
        warnings=[{"code": code, "words": warning_in_words(code)} for code in prediction.warnings],
        seen=slices_of_sheet(prediction) if scan is not None else None,
        read=dict(_read(prediction, scan, name)) if scan is not None else {},
        made_by=_made_by(prediction.provenance),
    )


def _answer(prediction: PredictionData) -> dict[str, Any]:
    """Return the answer in words, its bar, and how far to trust it; a refused scan has no bar."""
    label, probability, interval = prediction.label, prediction.probability, prediction.interval
    if label is None or label == "indeterminate" or probability is None:
        return {"answer": LABELS_IN_WORDS["indeterminate"], "bar": None, "trust": []}
    return {
        "answer": f"{probability_in_words(probability, interval)}.",
        "bar": bar_of(probability, interval, prediction.threshold),
        "trust": [LABELS_IN_WORDS[label], *_trust(prediction)],
    }


def _trust(prediction: PredictionData) -> Iterator[str]:
    if prediction.interval is None:  # the card has no data for intervals, and the prediction set is empty too
        return
    yield prediction_set_in_words(prediction.prediction_set, prediction.error_level)
    if prediction.slices > 1:
        yield LEVEL_OF_VOLUMES
    yield INTERVAL_IN_WORDS


def _read(prediction: PredictionData, scan: Scan, name: str) -> Iterator[tuple[str, str]]:
    """Yield technical facts about the scan, but nothing about the patient."""
    slices, height, width = scan.shape
    known = (str(scan.metadata[key]) for key in ("format", "transfer_syntax") if key in scan.metadata)
    yield "File", name
    yield "Format", ", ".join(known) or "array"
    yield "Size", f"{slices} slice{'s' if slices > 1 else ''}, {height} x {width} pixels"
    spacing = scan.spacing and " x ".join(f"{length:.3g}" for length in scan.spacing)
    yield "Spacing", f"{spacing} mm (slices, rows, columns)" if spacing else "not known"
    yield "Values", INTENSITIES[scan.intensity] + (", a guess" if scan.intensity_guessed else "")
    ml = prediction.lung_volume_ml
    volume = "" if ml is None else f"{volume_in_words(ml, prediction.warnings)}, "
    yield "Lungs", f"{volume}{100 * (prediction.lung_fraction or 0):.1f} % of the pixels"
    for side, lung in (prediction.lungs or {}).items():
        if lung.mean_hu is not None and lung.below_950 is not None:
            yield (
                f"{side.capitalize()} lung",
                f"{volume_in_words(lung.volume_ml, prediction.warnings)}, mean {lung.mean_hu:.0f} HU, "
                f"{100 * lung.below_950:.1f} % below -950 HU",
            )
    if prediction.label != "indeterminate":
        yield from _infection(prediction)
        yield from _explained(prediction)
    if prediction.ood_score is not None:
        yield "Unlike training data", f"{prediction.ood_score:.2f}; above 1 no answer is given"


def _infection(prediction: PredictionData) -> Iterator[tuple[str, str]]:
    found = prediction.infection
    if found is None:
        return
    place = "lungs" if prediction.slices > 1 else "lungs in this slice"
    yield "Infected", f"{infected_in_words(found.fraction)} of the {place}"
    for side, share in found.sides.items():
        yield (
            f"Infected, {side}",
            "lung not found" if share is None else f"{infected_in_words(share)} of the {side} lung",
        )
    yield "Grade of infection", f"{found.grade} of {len(GRADES_IN_WORDS) - 1}: {GRADES_IN_WORDS[found.grade]}"


def _explained(prediction: PredictionData) -> Iterator[tuple[str, str]]:
    if prediction.classification is not None:
        yield "Heatmap", EXPLANATIONS_IN_WORDS[prediction.classification.explain]


def _made_by(model: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{stage.capitalize(): network for stage, network in model.items()},
        "Software": f"lungct {version('lungct')}",
        "Date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
