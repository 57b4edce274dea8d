r"""From slices to a study: ways to aggregate the slice probabilities of a volume, compared.

    python -m benchmarks.volumes.aggregations --predictions held-out/predictions.json \
        --predictions bodies/predictions.json [--shared DATA] [--table song-pneumonia.csv] [--classifier CARD]

Predictions are those of planted.py. For real data, the patients of covid-lung-masks, all COVID, are stacked into
volumes and compared, with the COVID series of COVID-CT-MD, with the four series without COVID; and the pictures of one
patient (COVID-CT's validation part, and the tables of benchmarks.training.tables) or block (SARS-CoV-2's) are treated
as slices. The classifier's epoch, temperature and threshold were chosen on those sets, and nine of the stacked patients
and the series of COVID-CT-MD are training data, so their figures are optimistic, equally for all rows. The shipped
aggregation was chosen only by these tables.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lungct.classify.data.dataset import read_examples, split_examples
from lungct.classify.evaluation.metrics import auc_of
from lungct.common.intervals import bootstrap_interval, interval_of
from lungct.common.progress import with_progress
from lungct.pipeline import Pipeline, Prediction
from lungct.sources import Scan, read_scan

from .bodies import LCTSC, PET

QUANTILES = (0, 0.1, 0.25, 0.5, 0.75, 0.9, 1)
"""Quantiles of the slices' logits: the input of the learned aggregation."""


@dataclass(frozen=True, eq=False)
class Study:
    """Probabilities and lung of a scan's slices with lung, float64 (slices,), with its class and patient."""

    probabilities: np.ndarray
    lung: np.ndarray
    covid: bool
    patient: str


def logits(study: Study) -> np.ndarray:
    """Return the slices' logits, float64."""
    shown = np.clip(study.probabilities, 1e-6, 1 - 1e-6)
    return np.log(shown / (1 - shown))


def top(study: Study, share: float) -> float:
    """Return the mean of the highest slices."""
    return float(np.sort(study.probabilities)[-max(1, round(share * study.probabilities.size)) :].mean())


def top_of_lung(study: Study, share: float) -> float:
    """Return the mean over the share of the lungs with the highest probabilities; one slice counts in part."""
    order = np.argsort(-study.probabilities, kind="stable")
    lung = study.lung[order]
    counted = np.clip(share * lung.sum() - (np.cumsum(lung) - lung), 0, lung)
    return float(np.average(study.probabilities[order], weights=counted))


AGGREGATIONS: dict[str, Callable[[Study], float]] = {
    "lung-weighted mean (ships)": lambda one: float(np.average(one.probabilities, weights=one.lung)),
    "mean of the top half of the lungs": lambda one: top_of_lung(one, 1 / 2),
    "mean of the top third of the lungs": lambda one: top_of_lung(one, 1 / 3),
    "mean of the top fifth of the lungs": lambda one: top_of_lung(one, 1 / 5),
    "mean": lambda one: float(one.probabilities.mean()),
    "mean of logits": lambda one: float(logits(one).mean()),
    "maximum": lambda one: float(one.probabilities.max()),
    "90th percentile": lambda one: float(np.percentile(one.probabilities, 90)),
    "mean of the top tenth": lambda one: top(one, 0.1),
    "mean of the top third": lambda one: top(one, 1 / 3),
    "noisy-or": lambda one: float(-np.log1p(-np.clip(one.probabilities, 0, 1 - 1e-6)).sum()),
}
"""Scores; higher means COVID is more likely."""

VALIDATION_SHARE = 0.25
"""The split of the shipped classifier; see docs/training-classify.md."""

LEARNED = "learned: logistic regression on quantiles, other patients"


def learned(studies: list[Study]) -> np.ndarray | None:
    """Return each study's score from a regression trained on other patients, five-fold; None if there are too few."""
    covid, patients = np.array([one.covid for one in studies]), np.array([one.patient for one in studies])
    if min(len(set(patients[covid])), len(set(patients[~covid]))) < 5:
        return None
    features = np.array([np.quantile(logits(one), QUANTILES) for one in studies])
    scores = np.zeros(len(studies))
    for train, test in StratifiedGroupKFold(5, shuffle=True, random_state=0).split(features, covid, patients):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(features[train], covid[train])
        scores[test] = model.decision_function(features[test])
    return scores


def from_predictions(path: Path) -> list[Study]:
    """Return the results of planted.py, with each volume as its own patient."""
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    studies = []
    for row in rows:
        probabilities = np.array([np.nan if one is None else one for one in row["slice_probabilities"]])
        found = np.isfinite(probabilities)
        if found.any():
            lung = np.array(row["lung"])[found]
            studies.append(Study(probabilities[found], lung, row["covid"], row["path"]))
    return studies


def of_prediction(prediction: Prediction, covid: bool, patient: str) -> Study:
    """Return a study of a scan with lung."""
    found = np.isfinite(prediction.slice_probabilities)
    lung = prediction.classification.lung[found]
    return Study(prediction.slice_probabilities[found].astype(np.float64), lung, covid, patient)


def real_volumes(pipe: Pipeline, shared: Path) -> list[Study]:
    """Return covid-lung-masks' patients as volumes, and the two chests without COVID."""
    folder = shared / "covid-lung-masks"
    slices: dict[str, list[str]] = {}
    with (folder / "patients.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            slices.setdefault(row["patient"], []).append(row["file"])
    studies = []
    for patient, names in with_progress(sorted(slices.items()), "covid-lung-masks"):
        pixels = np.concatenate([read_scan(folder / "ct" / name).pixels for name in sorted(names)])
        studies.append(of_prediction(pipe.predict(Scan(pixels, "display", source=patient)), True, patient))
    series = shared / "covid-ct-md"
    others = (shared / f"{LCTSC}.nii.gz", shared / PET, series / "cap001", series / "normal001")
    studies.append(of_prediction(pipe.predict(series / "P001"), True, "P001"))
    return studies + [of_prediction(pipe.predict(path), False, path.name) for path in others]


def pictures(pipe: Pipeline, source: Path, fewest: int) -> list[Study]:
    """Return the validation pictures of a folder or table, one study for each patient or block with enough pictures."""
    groups: dict[tuple[str, bool], list[tuple[float, float]]] = {}
    for item in with_progress(split_examples(read_examples(source), VALIDATION_SHARE, 0)[1], source.name):
        found = pipe.predict(item.path)
        if found.probability is not None:
            groups.setdefault((item.patient, item.covid), []).append((found.probability, found.lung_fraction))
    return [
        Study(*np.array(said, dtype=np.float64).T, covid, patient)
        for (patient, covid), said in groups.items()
        if len(said) >= fewest
    ]


def print_table(title: str, studies: list[Study]) -> None:
    """Print the AUC of every aggregation with intervals, and its paired difference from the shipped one."""
    covid, patients = np.array([one.covid for one in studies]), [one.patient for one in studies]
    slices = sum(one.probabilities.size for one in studies)
    print(f"\n{title}: {len(studies)} studies, {covid.sum()} COVID, {slices} slices with lung\n")
    scores = {name: np.array([of(one) for one in studies]) for name, of in AGGREGATIONS.items()}
    own = learned(studies)
    if own is not None:
        scores[LEARNED] = own
    few = min(covid.sum(), (~covid).sum()) < 5
    first = auc_of(next(iter(scores.values())), covid)
    print("| aggregation | AUC | minus what ships |\n|---|---|---|")
    for name, values in scores.items():
        this = auc_of(values, covid)
        everything = np.arange(covid.size)
        words = f"{this(everything):.3f}"
        gain = this(everything) - first(everything)
        if few:
            print(f"| {name} | {words} (no interval: too few) | {gain:+.3f} |")
            continue
        found = interval_of(patients, this)
        within = f"{found[0]:.3f} to {found[1]:.3f}" if found else "no interval: all draws alike"
        less, more = bootstrap_interval(patients, lambda at, this=this: this(at) - first(at))
        print(f"| {name} | {words} ({within}) | {gain:+.3f} ({less:+.3f} to {more:+.3f}) |", flush=True)


def main() -> None:
    """Classify what hasn't been yet, and print the tables."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--shared", type=Path, help="folder of the training data, for the tables of real ones")
    options.add_argument("--predictions", type=Path, action="append", default=[], help="of planted.py")
    options.add_argument("--table", type=Path, action="append", default=[], help="of labelled pictures")
    options.add_argument("--classifier", type=Path, help="card of another classifier than the shipped one")
    given = options.parse_args()
    for path in given.predictions:
        print_table(path.parent.name, from_predictions(path))
    pipe = Pipeline.from_pretrained(classifier=given.classifier)
    for path in given.table:
        print_table(f"{path.stem}, validation patients with several", pictures(pipe, path, 2))
    if given.shared:
        print_table("covid-lung-masks and P001 against four series", real_volumes(pipe, given.shared))
        print_table("SARS-CoV-2, validation blocks", pictures(pipe, given.shared / "sarscov2-ct", 2))
        print_table("COVID-CT, validation patients with several", pictures(pipe, given.shared / "covid-ct", 2))


if __name__ == "__main__":
    main()
