"""The result sheet: one page about one scan, for people who read the answer and want to know how far to trust it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...common.page import html_facts, html_page
from ...common.warning_codes import warning_in_words
from .charts import probability_bar
from .data import PredictionData
from .slices import STYLE as SLICES_STYLE
from .slices import slices_of_sheet
from .wording import (
    DISCLAIMER,
    EXPLANATIONS_IN_WORDS,
    INTERVAL_IN_WORDS,
    LABELS_IN_WORDS,
    LEVEL_OF_VOLUMES,
    prediction_set_in_words,
    probability_in_words,
)

if TYPE_CHECKING:
    from ...sources import Scan

STYLE = """
h2{margin-top:1.6rem}
.answer{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,16rem),1fr));gap:0 2rem;align-items:center}
.answer p{margin:.4rem 0}.label{font-size:2.4rem;font-weight:700;line-height:1.1}
.bar{width:100%;max-width:30rem;fill:currentColor;font-size:13px;text-anchor:middle}
.axis,.mark{stroke:currentColor;fill:none;vector-effect:non-scaling-stroke}
.mark{stroke-dasharray:4 3;stroke-width:1.5}.band{fill:var(--accent);opacity:.4}.dot{fill:var(--accent)}
code{font-size:.85em;opacity:.75}
@media print{@page{size:A4;margin:12mm}
body{font-size:9pt;padding:0}
h1{font-size:15pt;margin:0}h2{font-size:12pt;margin:4mm 0 2mm}.label{font-size:20pt}
p,ul{margin:1.5mm 0}.facts{font-size:8pt;break-inside:avoid}.facts td,.facts th{padding:.3mm 2mm}.bar{max-width:8cm}}
"""

INTENSITIES = {"hu": "Hounsfield units", "display": "grey as on a screen, of an unknown window"}


def result_sheet(prediction: PredictionData) -> str:
    """Return the sheet of a prediction as an HTML page that needs no other file; see `Prediction.sheet`."""
    name = Path(prediction.source).name or prediction.source
    threshold = prediction.threshold
    notes = [f"<p class=note>{escape(note)}</p>" for note in (DISCLAIMER, prediction.caution) if note]
    parts = [*notes, *_answer(prediction, name, threshold), *_warnings(prediction)]
    if prediction.scan is not None:
        parts += ["<h2>What was seen</h2>", *slices_of_sheet(prediction, threshold)]
        parts += ["<h2>What was read</h2>", html_facts(dict(_read(prediction, prediction.scan, name)))]
    parts += ["<h2>What made it</h2>", html_facts(dict(_made_by(prediction.provenance)))]
    return html_page(f"Result sheet: {name}", parts, STYLE + SLICES_STYLE)


def _answer(prediction: PredictionData, name: str, threshold: float | None) -> Iterator[str]:
    if prediction.label is None:
        problem = (prediction.error or "").removeprefix(f"{prediction.source}: ").replace(prediction.source, name)
        yield f"<p class=label>could not be read</p><p>{escape(problem)}</p>"
        return
    yield f"<div class=answer><div><p class=label>{prediction.label}</p>"
    if prediction.probability is None or prediction.label == "indeterminate":
        yield f"<p>{LABELS_IN_WORDS['indeterminate']}</p></div></div>"
        return
    yield f"<p>{probability_in_words(prediction.probability, prediction.interval)}.</p></div>"
    yield f"<div>{probability_bar(prediction.probability, prediction.interval, threshold)}</div></div>"
    yield f"<p>{LABELS_IN_WORDS[prediction.label]}"
    if prediction.interval is not None:  # else the network's card knows nothing of trust, and the set is empty too
        yield escape(prediction_set_in_words(prediction.prediction_set, prediction.error_level))
        yield LEVEL_OF_VOLUMES if prediction.slices > 1 else ""
        yield INTERVAL_IN_WORDS
    yield "</p>"


def _warnings(prediction: PredictionData) -> Iterator[str]:
    if prediction.label is None:
        return
    yield "<h2>What to look out for</h2>"
    if not prediction.warnings:
        yield "<p>No warnings.</p>"
        return
    items = (f"<li>{escape(warning_in_words(code))} <code>{escape(code)}</code></li>" for code in prediction.warnings)
    yield f"<ul>{''.join(items)}</ul>"


def _read(prediction: PredictionData, scan: Scan, name: str) -> Iterator[tuple[str, str]]:
    """Yield technical facts of the scan; whose it is stays out of the sheet."""
    slices, height, width = scan.shape
    known = (str(scan.metadata[key]) for key in ("format", "transfer_syntax") if key in scan.metadata)
    yield "File", name
    yield "Format", ", ".join(known) or "array"
    yield "Size", f"{slices} slice{'s' if slices > 1 else ''}, {height} x {width} pixels"
    spacing = scan.spacing and " x ".join(f"{length:.3g}" for length in scan.spacing)
    yield "Spacing", f"{spacing} mm (slices, rows, columns)" if spacing else "not known"
    yield "Values", INTENSITIES[scan.intensity] + (", a guess" if scan.intensity_guessed else "")
    volume = "" if prediction.lung_volume_ml is None else f"{prediction.lung_volume_ml:,.0f} ml, "
    yield "Lungs", f"{volume}{100 * (prediction.lung_fraction or 0):.1f} % of the pixels"
    yield from _explained(prediction)
    if prediction.ood_score is not None:
        yield "Unlike training data", f"{prediction.ood_score:.2f}; above 1 no answer is given"


def _explained(prediction: PredictionData) -> Iterator[tuple[str, str]]:
    inside = prediction.heatmap_in_lungs
    if inside is not None and prediction.classification is not None:
        how = EXPLANATIONS_IN_WORDS[prediction.classification.explain]
        yield "Heatmap", f"{how}; {100 * inside:.0f} % of what speaks for {prediction.label} lies in the lungs"


def _made_by(provenance: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for stage, network in provenance.items():
        known = network.items() if isinstance(network, Mapping) else [("", network)]
        yield stage.capitalize(), ", ".join(f"{key} {value}".strip() for key, value in known)
    yield "Software", f"lungct {version('lungct')}"
    yield "Date", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
