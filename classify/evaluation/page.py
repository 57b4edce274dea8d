"""Write a page about an evaluated classifier: figures, curves, controls, and pictures of its best and worst answers."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.intervals import INTERVALS_IN_WORDS
from ...common.page import write_json
from ...common.rendering import render
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
"""Number of best and of worst pictures on the page."""

CAPTIONS = {
    "erased": "the same network with the lungs erased",
    "mask": "the same network with the lung mask alone",
    "trivial": f"logistic regression on {', '.join(FEATURES)}, trained on other patients",
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
        The classifier that scored them; it draws the heatmaps.
    find_lungs : callable
        The first stage.
    folder : Path

    Returns
    -------
    dict
        Contents of ``report.json``.

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
    page = render(
        "classify/evaluation/templates/report.html",
        title=f"{card.name}, version {card.version}",
        intervals_in_words=INTERVALS_IN_WORDS,
        report=report,
        figures=_figures_table(report["data_sets"]),
        controls=_controls_table(report["data_sets"]),
        curves=_draw_curves(known, sources, classifier.threshold, folder),
        history=_copy_history(card, folder),
        examples=_draw_examples(known, classifier, find_lungs, folder),
    )
    (folder / "report.html").write_text(page, encoding="utf-8")
    return report


def _figures(own: Sequence[Scored], threshold: float) -> dict[str, Any]:
    probabilities, covid = _arrays(own)
    patients = [one.example.patient for one in own]
    figures = summarise(probabilities, covid, patients, threshold)
    figures["scikit_learn"] = _classification_report(probabilities >= threshold, covid)
    figures["controls_auc"] = controls_auc(own)
    return figures


def _source_auc(known: Sequence[Scored], sources: Sequence[str]) -> float:
    """Return how well trivial features distinguish the first source from the others, as an AUC."""
    first = np.array([one.example.source == sources[0] for one in known])
    scores = trivial_scores(np.stack([one.features for one in known]), first, [one.example.patient for one in known])
    return round(auc(scores, first), 4) if np.isfinite(scores).all() else float("nan")


def _classification_report(called: NDArray[np.bool_], covid: NDArray[np.bool_]) -> str:
    from sklearn.metrics import classification_report

    return str(
        classification_report(covid, called, labels=[False, True], target_names=LABELS[::-1], digits=3, zero_division=0)
    )


def _figures_table(sets: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    names = [name for name in next(iter(sets.values())) if name not in ("scikit_learn", "controls_auc")]
    return [{"": name.replace("_", " "), **{source: sets[source][name] for source in sets}} for name in names]


def _controls_table(sets: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"AUC of": words, **{source: sets[source]["controls_auc"][name] for source in sets}}
        for name, words in CAPTIONS.items()
    ]


def _draw_curves(known: Sequence[Scored], sources: Sequence[str], threshold: float, folder: Path) -> dict[str, str]:
    """Draw the curves of each source; return the names of the pictures."""
    pictures = {name: f"curves-{number}.png" for number, name in enumerate(sources)}
    for name, picture in pictures.items():
        own = [one for one in known if one.example.source == name]
        draw_discrimination(*_arrays(own), threshold).savefig(folder / picture, dpi=100)
    return pictures


def _copy_history(card: Card, folder: Path) -> str | None:
    """Copy the curves of the training run if the card is still in its folder; return the picture's name."""
    history = card.folder / "history.png"
    if not history.exists():
        return None
    shutil.copy(history, folder / history.name)
    return history.name


def _draw_examples(
    known: Sequence[Scored], classifier: Classifier, find_lungs: FindLungs, folder: Path
) -> dict[str, list[dict[str, str]]]:
    """Draw the most confident wrong and right answers; return pictures and captions by title."""
    sure = sorted(known, key=lambda one: one.probability if one.example.covid else 1 - one.probability)
    kinds = (("Worst answers", "worst", sure[:SHOWN]), ("Best answers", "best", sure[::-1][:SHOWN]))
    return {
        title: [
            _figure(one, classifier, find_lungs, folder / f"{name}-{number}.png")
            for number, one in enumerate(chosen, 1)
        ]
        for title, name, chosen in kinds
    }


def _figure(one: Scored, classifier: Classifier, find_lungs: FindLungs, path: Path) -> dict[str, str]:
    _draw_heatmap(one, classifier, find_lungs, path)
    caption = f"{one.example.label}, probability {one.probability:.3f}: {one.example.path.name}"
    return {"picture": path.name, "caption": caption}


def _draw_heatmap(one: Scored, classifier: Classifier, find_lungs: FindLungs, path: Path) -> None:
    """Draw the picture, with infection in red, or with evidence for COVID if the network has no map of infection."""
    from PIL import Image

    scan, masks = find_lungs(read_scan(one.example.path))
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
