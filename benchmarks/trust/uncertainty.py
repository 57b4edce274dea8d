"""Whether intervals and prediction sets keep their promises on validation pictures.

    python -m benchmarks.trust.uncertainty --data covid-ct --data sarscov2-ct [--network CARD ...]

Sets: each patient is left out in turn, and the conformal scores are those of the others. Intervals: the share of other
trained networks' answers that they contain, and the accuracy of answers whose interval excludes the threshold.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lungct.classify import Classifier
from lungct.classify.data.dataset import read_examples, split_examples
from lungct.classify.trust.conformal import LABELS, Conformal
from lungct.common.intervals import bootstrap_interval
from lungct.pipeline import Pipeline

LEVELS = (0.05, 0.1, 0.2)


class Judged(NamedTuple):
    """Validation pictures: probability, interval (n, 2), label, patient, source, and other networks' probabilities."""

    probability: NDArray[np.float64]
    interval: NDArray[np.float64]
    covid: NDArray[np.bool_]
    patient: NDArray[np.str_]
    source: NDArray[np.str_]
    others: NDArray[np.float64]


def main() -> None:
    """Run the pipeline on the pictures and print the tables."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, action="append", required=True, help="folder or CSV of labelled pictures")
    options.add_argument("--network", type=Path, action="append", default=[], help="card of another trained classifier")
    options.add_argument("--validation-share", type=float, default=0.2)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    examples = [item for path in given.data for item in read_examples(path)]
    pipe = Pipeline.from_pretrained()
    others = [Classifier.from_card(path) for path in given.network]
    rows = []
    for item in split_examples(examples, given.validation_share, given.seed)[1]:
        found = pipe.predict(item.path)
        if found.probability is None or found.interval is None or found.lung_mask is None or found.scan is None:
            continue
        said = [other.classify(found.scan, found.lung_mask[None]).probability for other in others]
        rows.append((found.probability, found.interval, item.covid, item.patient, item.source, said))
    judged = Judged(*(np.array(column) for column in zip(*rows, strict=True)))
    print_sets(judged)
    print_intervals(judged, pipe.classifier.threshold, [path.parent.name for path in given.network])


def sets_without_own(judged: Judged, level: float) -> NDArray[np.bool_]:
    """Return which labels remain, bool (n, 2), using the scores of all other patients."""
    kept = np.zeros((len(judged.covid), len(LABELS)), dtype=np.bool_)
    for name in np.unique(judged.patient):
        own = judged.patient == name
        conformal = Conformal.fit(judged.probability[~own], judged.covid[~own], judged.patient[~own])
        for at in np.flatnonzero(own):
            kept[at] = [label in conformal.labels(judged.probability[at], level) for label in LABELS]
    return kept


def print_sets(judged: Judged) -> None:
    """Print coverage and size of the sets at every level."""
    groups = {"all": np.ones(len(judged.covid), dtype=np.bool_)}
    groups |= {str(name): judged.source == name for name in np.unique(judged.source)}
    groups |= {"COVID": judged.covid, "non-COVID": ~judged.covid}
    for level in LEVELS:
        kept = sets_without_own(judged, level)
        holds = np.where(judged.covid, kept[:, 0], kept[:, 1])
        for name, chosen in groups.items():
            print(f"level {level:.2f}, {name}: true label in the set {share(holds[chosen], judged.patient[chosen])}")
        one = kept.sum(axis=1) == 1
        right = share(holds[one], judged.patient[one])
        print(f"level {level:.2f}: one label alone {one.mean():.3f}, right {right}; both {kept.all(axis=1).mean():.3f}")


def print_intervals(judged: Judged, threshold: float, names: list[str]) -> None:
    """Print what the intervals contain, and the accuracy with and without the threshold inside them."""
    low, high = judged.interval.T
    print(f"width of the interval: mean {np.mean(high - low):.3f}, median {np.median(high - low):.3f}")
    for name, answers in zip(names, judged.others.T, strict=True):
        print(f"{name}: its answer in the interval {share((low <= answers) & (answers <= high), judged.patient)}")
    right = (judged.probability >= threshold) == judged.covid
    sure = (low >= threshold) | (high < threshold)
    for words, chosen in (("on one side of the threshold", sure), ("across it", ~sure)):
        print(f"interval {words}: accuracy {share(right[chosen], judged.patient[chosen])}")


def share(holds: NDArray[np.bool_], patients: NDArray[np.str_]) -> str:
    """Return a share with its interval by patient and n."""
    if not len(holds):
        return "of none"
    low, high = bootstrap_interval(list(patients), lambda at: float(holds[at].mean()))
    return f"{holds.mean():.3f} ({low:.3f} to {high:.3f}), n={len(holds)}"


if __name__ == "__main__":
    main()
