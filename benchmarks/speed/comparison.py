"""The two networks alone in everything that runs them, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from lungct.classify import build_classifier
from lungct.common.threads import available_threads
from lungct.weights import CLASSIFIER, Card
from lungct.weights.engines import choose_engine

from ..common.sections import Row, Section
from ..common.timing import Contender, Skipped, Timing, race
from .networks import (
    CHOSEN,
    engine_contenders,
    engine_run,
    giga_operations,
    keras_contenders,
    keras_model,
    keras_predict,
    picture,
    raced,
    side_by_side,
    title,
)
from .settings import Figures, Settings, without_graphs

ALL_CORES = f"{CHOSEN}, a slice on each core"

EFFICIENTNET = "Keras predict, EfficientNetB0, 224 x 224"


def measure_networks(settings: Settings, figures: Figures) -> tuple[Section, Figures]:
    """Race each network at each of its sizes."""
    if settings.quick:
        without_graphs()  # for all that follows in this process
    rows: list[Row] = []
    measured: Figures = {}
    for card, size in raced(settings):
        skipped, timings, differences = _race(card, size, settings)
        operations = giga_operations(card, size)
        for name, timing in timings.items():
            reached = None if name == EFFICIENTNET else 1000 * operations / timing.ms
            rows.append(
                {
                    "network": title(card, size),
                    "run by": name,
                    "ms a slice": timing.spread,
                    "slices/s": 1000 / timing.ms,
                    "GFLOP/s": reached,
                    "of the peak": reached and reached / figures["peak"],
                    "unlike Keras": differences.get(name),
                    "skipped": None,
                }
            )
        rows += [{"network": title(card, size), "run by": entry.name, "skipped": entry.reason} for entry in skipped]
        measured[f"share of peak: {title(card, size)}"] = 1000 * operations / timings[ALL_CORES].ms / figures["peak"]
        if card.name == CLASSIFIER:
            measured["classifier_ms"] = timings[CHOSEN].ms
            measured["keras_classifier_ms"] = timings["Keras predict"].ms
            measured["keras_efficientnet_ms"] = timings[EFFICIENTNET].ms
    note = (
        "Batch 1, all threads on one slice, unless the row says otherwise. Unlike Keras: the largest difference "
        "between the first output and that of Keras predict. GFLOP/s count convolutions and matrix products as if "
        "computed directly."
    )
    return Section("networks", "The networks alone", rows, note), measured


def _race(card: Card, size: int, settings: Settings) -> tuple[list[Skipped], dict[str, Timing], dict[str, float]]:
    """Return who can't take part, the others' times, and how far their outputs are from those of Keras."""
    entries = [*keras_contenders(keras_model(card.name, size), size), *engine_contenders(card, size)]
    skipped = [entry for entry in entries if isinstance(entry, Skipped)]
    contenders = [entry for entry in entries if isinstance(entry, Contender)]
    differences = _differences(contenders)
    if card.name == CLASSIFIER:
        contenders.append(keras_predict(EFFICIENTNET, build_classifier(224), 224))
    with ExitStack() as stack:
        run = engine_run(card, picture(size).shape, choose_engine("auto"), "f32", threads=1)
        contenders.append(stack.enter_context(side_by_side(ALL_CORES, run, size, available_threads(), each=4)))
        return skipped, race(contenders, settings.rounds, settings.turn), differences


def _differences(contenders: Sequence[Contender]) -> dict[str, float]:
    """Return how far each contender's first output is from the first contender's."""
    outputs = {contender.name: _first(contender.work()) for contender in contenders}
    right = outputs[contenders[0].name]
    return {name: float(np.abs(right - found).max()) for name, found in outputs.items()}


def _first(outputs: Any) -> np.ndarray:
    return np.asarray(outputs[0] if isinstance(outputs, (list, tuple)) else outputs)
