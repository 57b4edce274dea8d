"""Train the classifier on every region with equal, small budgets, and compare them.

Run: python -m benchmarks.training.classifier_choices LITE0.npz RUN DATA DATA

RUN stores lungs, runs and checkpoints: run it again to resume after it was killed. The budget is small, so compare
the rows with each other and not with the shipped weights. Takes about an hour on two cores.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from joblib import Memory
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from lungct.classify import Classifier, RoiPreprocessing
from lungct.classify.data.dataset import read_examples
from lungct.classify.data.regions import FindLungs, cut_regions
from lungct.classify.evaluation.metrics import auc
from lungct.classify.training.recipe import ClassifierRecipe
from lungct.classify.training.train import train_classifier
from lungct.common.intervals import bootstrap_interval
from lungct.lungseg import LungSegmenter
from lungct.sources import Scan, read_scan
from lungct.weights import Card

REGIONS = ("masked", "crop", "whole")
BUDGET = {"size": 128, "epochs": 4, "epoch_size": 720}
EXCLUDED = ("2020.03.13.20035212",)
"""As for the shipped weights: see docs/training-classify.md."""


def remembered_lungs(folder: Path) -> FindLungs:
    """Return the first stage with a cache on disk, because every run needs the same lungs."""
    segmenter = LungSegmenter()

    @Memory(folder / segmenter.card.sha256, verbose=0).cache
    def find(path: str) -> NDArray[np.bool_]:
        return segmenter.segment(read_scan(path)).mask

    def find_lungs(scan: Scan) -> tuple[Scan, NDArray[np.bool_]]:
        return scan, find(scan.source)

    return find_lungs


def train(data: Sequence[Path], find_lungs: FindLungs, folder: Path, recipe: ClassifierRecipe, init) -> Card:  # type: ignore[no-untyped-def]
    """Start or resume one training run."""
    return train_classifier(data, find_lungs, folder, recipe, init, version="trial", licence="none", leaks="drop")


def own_auc(card: Card, source: str) -> str:
    """Return AUC and interval on the validation part, which was used to choose the epoch."""
    found = card.metrics["validation"][source]["auc"]
    if found["interval"] is None:
        return f"{found['value']:.3f} (too few for an interval)"
    return f"{found['value']:.3f} ({found['interval'][0]:.3f} to {found['interval'][1]:.3f})"


def cross_auc(card: Card, other: Path, find_lungs: FindLungs, cache: Path) -> str:
    """Return AUC and interval on all pictures of a data set that the network has never seen."""
    classifier = Classifier(card)
    preprocess = RoiPreprocessing.from_dict(card.preprocessing)
    regions = cut_regions(read_examples(other), find_lungs, preprocess, cache)
    scores, covid = classifier.logits(regions.inputs).astype(np.float64), regions.covid
    patients = [item.patient for item in regions.examples]
    low, high = bootstrap_interval(patients, lambda at: auc(scores[at], covid[at]))
    return f"{auc(scores, covid):.3f} ({low:.3f} to {high:.3f}), never seen"


def compare_regions(lite0: Path, run: Path, data: Sequence[Path], find_lungs: FindLungs) -> None:
    """Print AUC by region, what was trained on, and what was tested on."""
    table = Table("region", "trained on", *(f"AUC on {path.name}" for path in data), title="regions")
    for chosen in (*([path] for path in data), list(data)):
        for region in REGIONS:
            folder = run / "-".join([region, *(path.name for path in chosen)])
            recipe = ClassifierRecipe(region=region, exclude=EXCLUDED, **BUDGET)
            card = train(chosen, find_lungs, folder, recipe, lite0)
            cells = [
                own_auc(card, path.name)
                if path in chosen
                else cross_auc(card, path, find_lungs, folder / "regions-other.npz")
                for path in data
            ]
            print(folder.name, *cells, flush=True)
            table.add_row(region, " and ".join(path.name for path in chosen), *cells)
    Console(width=120).print(table)


def main() -> None:
    """Print the table."""
    lite0, run, *data = map(Path, sys.argv[1:])
    find_lungs = remembered_lungs(run / "lungs")
    compare_regions(lite0, run, data, find_lungs)


if __name__ == "__main__":
    main()
