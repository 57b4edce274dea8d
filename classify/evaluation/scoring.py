"""Score pictures with both stages, as the pipeline does; failures are recorded and don't stop the run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...sources import Scan, SourceError, read_scan
from ..classifier import Classifier
from ..data.dataset import Example
from ..data.regions import FindLungs
from .controls import CONTROLS, FEATURES, picture_features, trivial_scores
from .metrics import auc_of, with_interval


class Scored(NamedTuple):
    """One picture and its scores.

    Parameters
    ----------
    example : Example
    probability : float
        Calibrated probability; NaN if no lung was found or the picture can't be read.
    controls : dict of str to float
        Score of each control; NaN in the same cases.
    features : ndarray of float64, shape (7,)
        See `picture_features`.
    note : str
        Why there is no probability; empty if there is one.
    """

    example: Example
    probability: float
    controls: dict[str, float]
    features: NDArray[np.float64]
    note: str = ""


def score_pictures(classifier: Classifier, examples: Iterable[Example], find_lungs: FindLungs) -> Iterator[Scored]:
    """Yield each picture's scores; a volume's features and controls use its middle slice."""
    controls = controls_of(classifier)
    for item in examples:
        try:
            scan, masks = find_lungs(read_scan(item.path))
        except SourceError as error:  # find_lungs refuses other modalities
            yield Scored(item, np.nan, dict.fromkeys(CONTROLS, np.nan), np.full(len(FEATURES), np.nan), str(error))
            continue
        yield _score(classifier, controls, item, scan, masks)


def controls_of(classifier: Classifier) -> dict[str, Classifier]:
    """Return the same network with inputs without lung tissue, by name of the control."""
    return {name: classifier.seeing(name) for name in CONTROLS}


def control_scores(controls: Mapping[str, Classifier], scan: Scan, masks: NDArray[np.bool_]) -> dict[str, float]:
    """Return each control's probability for a scan, 0 to 1; NaN without lung."""
    said = {name: control.classify(scan, masks).probability for name, control in controls.items()}
    return {name: np.nan if probability is None else probability for name, probability in said.items()}


def controls_auc(scored: Sequence[Scored]) -> dict[str, Any]:
    """Return the AUC of each control and of a logistic regression on trivial features, with intervals over patients.

    Parameters
    ----------
    scored : sequence of Scored
        Pictures of one source, each with a probability.
    """
    covid = np.array([one.example.covid for one in scored], dtype=np.bool_)
    patients = [one.example.patient for one in scored]
    scores: dict[str, NDArray[np.float64]] = {
        name: np.array([one.controls[name] for one in scored]) for name in CONTROLS
    }
    scores["trivial"] = trivial_scores(np.stack([one.features for one in scored]), covid, patients)
    return {name: with_interval(patients, auc_of(values, covid)) for name, values in scores.items()}


def _score(
    classifier: Classifier, controls: dict[str, Classifier], item: Example, scan: Scan, masks: NDArray[np.bool_]
) -> Scored:
    middle = len(scan) // 2
    features = picture_features(scan.pixels[middle], scan.intensity)
    probability = classifier.classify(scan, masks).probability
    if probability is None:
        return Scored(item, np.nan, dict.fromkeys(CONTROLS, np.nan), features, "no lung found")
    return Scored(item, probability, control_scores(controls, scan, masks), features)
