"""Write a trained classifier as the package loads it: calibrated, with threshold, metrics and card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...common.modality import PICTURES
from ...sources.intensity import resize
from ...weights import CLASSIFIERS, Card, Precision
from ...weights.quantize import quantize
from ...weights.release import release, training_versions
from ..classifier import Classifier
from ..data.regions import FindLungs, Regions
from ..evaluation.controls import source_accuracy
from ..evaluation.scoring import controls_auc, score_pictures
from ..network import build_classifier
from ..trust.heads import TrainingAnswers
from ..trust.trust import Trust, fit_trust
from .decision import choose_lesion_threshold, decide, lesion_dice, trained_on, with_both_classes
from .lesions import Lesions
from .recipe import ClassifierRecipe

if TYPE_CHECKING:
    import keras

CALIBRATION_REGIONS = 48
"""Number of regions used to measure value ranges for quantisation."""


def release_classifier(
    model: keras.Model,
    training: Regions,
    validation: Regions,
    drawn: Lesions | None,
    drawn_val: Lesions | None,
    teachers: Sequence[Card],
    folder: Path,
    recipe: ClassifierRecipe,
    init: Path | str | None,
    version: str,
    licence: str,
    find_lungs: FindLungs,
    sensitivity: float | None = None,
    caution: str = "",
) -> Card:
    """Write the network and its card, measured on the network as written.

    The threshold is the highest with at least this `sensitivity` on the validation pictures; if None, Youden's. The
    lungs of these pictures are segmented again for the controls, which need their surroundings.
    """
    architecture: dict[str, Any] = {"backbone": recipe.backbone, "size": recipe.size, "dropout": recipe.dropout}
    if drawn:
        architecture["lesions"] = True
    card = release(
        model,
        folder,
        CLASSIFIERS[recipe.modality],
        lambda: build_classifier(**{**architecture, "size": None}),
        version=version,
        modality=recipe.modality,
        caution=caution,
        task=f"probability that the lungs of {PICTURES[recipe.modality]} show COVID-19",
        architecture=architecture,
        preprocessing=recipe.preprocessing(bool(drawn)).to_dict(),
        decision={"temperature": 1.0, "threshold": 0.5},
        training_data=trained_on(training.examples, "slices") + ([_lesion_data(drawn)] if drawn else []),
        licence=licence,
    )
    answers = Classifier(card).answers(validation.inputs)
    decided = decide(answers[0][:, 0].astype(np.float64), validation.examples, sensitivity)
    decision, lesions = _lesion_decision(card, drawn_val)
    card = replace(
        card,
        decision={**decided.decision, **decision},
        metrics={
            **decided.metrics,
            **lesions,
            "controls_auc": _controls(Classifier(card), validation, find_lungs),
            "source_from_features": source_accuracy(answers[2], validation.examples),
            "validation_without_lung": validation.without_lung,
            "recipe": {**asdict(recipe), "init": init.name if isinstance(init, Path) else init},
            "teachers": [{"version": teacher.version, "sha256": teacher.sha256} for teacher in teachers],
            "versions": training_versions(),
        },
    )
    card.write()  # so that a failure after this doesn't lose the run
    chosen = np.random.default_rng(recipe.seed).permutation(len(training.examples))[:CALIBRATION_REGIONS]
    card = quantize(card, training.inputs[chosen][:, None])
    trust, limits = _trust_of(card, training, validation)
    limits = {kind: round(limit, 4) for kind, limit in limits.items()}
    card = replace(card, trust=trust.write(card), decision={**card.decision, "distance_limit": limits})
    card.write()
    return card


def _lesion_data(drawn: Lesions) -> dict[str, Any]:
    return {"name": "drawn lesions", "slices": len(drawn.pixels), "patients": len(set(drawn.patients))}


def _lesion_decision(card: Card, drawn: Lesions | None) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the threshold of the map of infection, and its Dice on validation patients; empty without any."""
    if drawn is None or not drawn.patients:
        return {}, {}
    logits = Classifier(card).answers(drawn.inputs)[-1][..., 0]
    threshold = choose_lesion_threshold(logits, drawn)
    dice = lesion_dice(logits >= np.log(threshold / (1 - threshold)), drawn)
    return {"lesion_threshold": threshold}, {"lesions": {**_lesion_data(drawn), "dice": round(dice, 4)}}


def _controls(classifier: Classifier, validation: Regions, find_lungs: FindLungs) -> dict[str, Any]:
    """Return the controls' AUC for each source with both classes; see `controls_auc`."""
    both = with_both_classes(validation.examples)
    scored = list(score_pictures(classifier, [one for one in validation.examples if one.source in both], find_lungs))
    return {name: controls_auc([one for one in scored if one.example.source == name]) for name in both}


def _trust_of(card: Card, training: Regions, validation: Regions) -> tuple[Trust, dict[str, float]]:
    """Fit the trust data for the network, and for the quantised one if there is one."""
    size, temperature = int(card.preprocessing["size"]), float(card.decision["temperature"])
    small = np.stack([resize(roi[..., 0], size, size) for roi in training.inputs])[..., None]
    precisions: list[Precision] = ["f32", "int8"] if card.int8 else ["f32"]
    said = {}
    for precision in precisions:
        network = Classifier(card, precision=precision)
        said[precision] = (network.answers(small), network.answers(validation.inputs))
    trained, validated = said["f32"]
    return fit_trust(
        _answers_about(training, trained, temperature),
        _answers_about(validation, validated, temperature),
        {precision: (own[0][3], own[1][3]) for precision, own in said.items()},
    )


def _answers_about(regions: Regions, answers: list[NDArray[np.float32]], temperature: float) -> TrainingAnswers:
    """Return a network's answers for regions, weighted so that sources, and patients within a source, count equally."""
    patients, sources = (np.array([getattr(item, name) for item in regions.examples]) for name in ("patient", "source"))
    weights = 1 / _same(patients)
    for name in np.unique(sources):
        weights[sources == name] /= weights[sources == name].sum()
    logits = answers[0][:, 0].astype(np.float64) / temperature
    return TrainingAnswers(answers[2], logits, regions.covid, patients, sources, weights)


def _same(names: NDArray[np.str_]) -> NDArray[np.float64]:
    """Return, for each name, how often it occurs."""
    _, which, counts = np.unique(names, return_inverse=True, return_counts=True)
    return np.asarray(counts[which], dtype=np.float64)
