"""A page about an evaluated classifier: figures, curves, controls, and pictures of its best and worst answers."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.intervals import INTERVALS_IN_WORDS
from ...common.page import html_figure, html_table, write_json, write_page
from ...common.text import write_csv
from ...sources import read_scan
from ...sources.intensity import LUNG_WINDOW, apply_window
from ...weights import Card
from ..classifier import Classifier
from ..data.regions import FindLungs
from ..trust.conformal import LABELS
from .controls import CONTROLS, FEATURES, trivial_scores
from .curves import draw_discrimination
from .metrics import auc, summarise
from .scoring import Scored, controls_auc

SHOWN = 6
"""Best and worst pictures on the page, of each as many."""

CAPTIONS = {
    "erased": "the same network, lungs erased",
    "mask": "the same network, outline of the lungs alone",
    "trivial": f"logistic regression on {', '.join(FEATURES)}, other patients",
}
"""The controls in words."""


def write_report(
    scored: Sequence[Scored], classifier: Classifier, find_lungs: FindLungs, folder: Path
) -> dict[str, Any]:
    """Write ``report.html`` with its pictures, ``report.json`` and ``pictures.csv``.

    Parameters
    ----------
    scored : sequence of Scored
    classifier : Classifier
        That scored them; draws the heatmaps.
    find_lungs : callable
        The first stage.
    folder : Path

    Returns
    -------
    dict
        What ``report.json`` holds.

    Raises
    ------
    ValueError
        When no picture could be scored.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_pictures(folder / "pictures.csv", scored, classifier.threshold)
    known = [one for one in scored if np.isfinite(one.probability)]
    if not known:
        raise ValueError("no picture could be scored; pictures.csv says why")
    card = classifier.card
    sources = sorted({one.example.source for one in known})
    report: dict[str, Any] = {
        "network": {"name": card.name, "version": card.version, "sha256": card.sha256},
        "decision": dict(card.decision),
        "not_scored": [{"path": str(one.example.path), "why": one.note} for one in scored if one.note],
        "data_sets": {
            name: _figures([one for one in known if one.example.source == name], classifier.threshold)
            for name in sources
        },
    }
    if len(sources) > 1:
        report["source_from_trivial_features_auc"] = _source_auc(known, sources)
    write_json(folder / "report.json", report)
    parts = [_introduction(card), *_tables(report)]
    for number, name in enumerate(sources):
        own = [one for one in known if one.example.source == name]
        draw_discrimination(*_arrays(own), classifier.threshold).savefig(folder / f"curves-{number}.png", dpi=100)
        parts += [f"<h2>{name}</h2>", html_figure(f"curves-{number}.png", "", wide=True)]
    parts += _training_curves(card, folder)
    parts += _examples(known, classifier, find_lungs, folder)
    write_page(folder / "report.html", f"{card.name}, version {card.version}", parts)
    return report


def _figures(own: Sequence[Scored], threshold: float) -> dict[str, Any]:
    probabilities, covid = _arrays(own)
    patients = [one.example.patient for one in own]
    figures = summarise(probabilities, covid, patients, threshold)
    figures["scikit_learn"] = _classification_report(probabilities >= threshold, covid)
    figures["controls_auc"] = controls_auc(own)
    return figures


def _source_auc(known: Sequence[Scored], sources: Sequence[str]) -> float:
    """Return how well trivial features tell the first source from the others."""
    first = np.array([one.example.source == sources[0] for one in known])
    scores = trivial_scores(np.stack([one.features for one in known]), first, [one.example.patient for one in known])
    return round(auc(scores, first), 4) if np.isfinite(scores).all() else float("nan")


def _classification_report(called: NDArray[np.bool_], covid: NDArray[np.bool_]) -> str:
    from sklearn.metrics import classification_report

    return str(
        classification_report(covid, called, labels=[False, True], target_names=LABELS[::-1], digits=3, zero_division=0)
    )


def _introduction(card: Card) -> str:
    decision = card.decision
    return (
        f"<p>Research software, not a medical device. {INTERVALS_IN_WORDS} "
        f"Threshold {decision['threshold']} ({decision.get('criterion', 'given')}), temperature "
        f"{decision['temperature']}; both were chosen on the validation pictures of the training run.</p>"
    )


def _tables(report: dict[str, Any]) -> list[str]:
    sets = report["data_sets"]
    first = next(iter(sets.values()))
    names = [name for name in first if name not in ("scikit_learn", "controls_auc")]
    rows = [{"": name.replace("_", " "), **{source: sets[source][name] for source in sets}} for name in names]
    controls = [
        {"AUC of": CAPTIONS[name], **{source: sets[source]["controls_auc"][name] for source in sets}}
        for name in CAPTIONS
    ]
    parts = [html_table(rows), "<h2>Controls</h2>", html_table(controls)]
    if "source_from_trivial_features_auc" in report:
        parts.append(
            f"<p>AUC of telling the sources by trivial features: {report['source_from_trivial_features_auc']}</p>"
        )
    parts += [f"<h3>{name}</h3><pre>{sets[name]['scikit_learn']}</pre>" for name in sets]
    if report["not_scored"]:
        parts += ["<h2>Not scored</h2>", html_table(report["not_scored"])]
    return parts


def _training_curves(card: Card, folder: Path) -> list[str]:
    """Show the history of the training run where the card still lies in its folder."""
    history = card.folder / "history.png"
    if not history.exists():
        return []
    shutil.copy(history, folder / "history.png")
    return ["<h2>Training</h2>", html_figure("history.png", "", wide=True)]


def _examples(known: Sequence[Scored], classifier: Classifier, find_lungs: FindLungs, folder: Path) -> list[str]:
    """Draw the surest right and the surest wrong answers."""
    sure = sorted(known, key=lambda one: one.probability if one.example.covid else 1 - one.probability)
    parts = []
    for title, name, chosen in (("Worst", "worst", sure[:SHOWN]), ("Best", "best", sure[::-1][:SHOWN])):
        parts.append(f"<h2>{title} answers</h2>")
        for number, one in enumerate(chosen, 1):
            picture = f"{name}-{number}.png"
            _draw_heatmap(one, classifier, find_lungs, folder / picture)
            caption = f"{one.example.label}, probability {one.probability:.3f}: {one.example.path.name}"
            parts.append(html_figure(picture, caption))
    return parts


def _draw_heatmap(one: Scored, classifier: Classifier, find_lungs: FindLungs, path: Path) -> None:
    """Draw the picture, what speaks for COVID red."""
    from PIL import Image

    scan = read_scan(one.example.path)
    masks = find_lungs(scan)
    middle = len(scan) // 2
    heat = classifier.classify(scan, masks).heatmap(middle, masks[middle])
    grey = apply_window(scan.pixels[middle], scan.intensity, LUNG_WINDOW)
    strength = np.clip(2 * heat - 1, 0, 1)[..., None] * 0.6
    colours = grey[..., None] * (1 - strength) + strength * np.array([1.0, 0.25, 0.1])
    Image.fromarray(np.rint(colours * 255).astype(np.uint8)).save(path)


def _arrays(own: Sequence[Scored]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    return np.array([one.probability for one in own]), np.array([one.example.covid for one in own], dtype=np.bool_)


def _write_pictures(path: Path, scored: Sequence[Scored], threshold: float) -> None:
    columns = ["path", "source", "part", "patient", "covid", "probability", "called_covid", *CONTROLS, "note"]
    rows = []
    for one in scored:
        item, is_known = one.example, np.isfinite(one.probability)
        answer = [one.probability, one.probability >= threshold, *one.controls.values()] if is_known else [""] * 4
        values = [item.path, item.source, item.part, item.patient, item.covid, *answer, one.note]
        rows.append(dict(zip(columns, values, strict=True)))
    write_csv(path, columns, rows)
