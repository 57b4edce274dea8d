"""Train the classifier's head with focal loss and with cross-entropy, under the real class ratio and under 1:10.

The backbone is frozen with the weights of LITE0 and only the head is trained. So one run takes seconds, every setting
can be repeated with other samples, and only the loss differs.

Run: python -m benchmarks.training.focal_sweep LITE0.npz RUN DATA [DATA ...] [--quick]

RUN is a folder for the regions; using that of a training run on the same data avoids finding the lungs again.
"""

import argparse
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from lungct.classify import RoiPreprocessing, build_classifier
from lungct.classify.data.dataset import read_examples, split_examples
from lungct.classify.data.leaks import settle_leaks
from lungct.classify.data.regions import Regions, cut_regions
from lungct.classify.evaluation.metrics import auc, average_precision, expected_calibration_error
from lungct.classify.training.lite0 import load_lite0
from lungct.classify.training.loss import focal_loss
from lungct.common.sigmoid import sigmoid
from lungct.lungseg import LungSegmenter
from lungct.lungseg.finder import lung_finder


@dataclass(frozen=True)
class Sweep:
    """The settings to try, the number of samples, and the number of steps."""

    gammas: tuple[float, ...] = (0.0, 1.0, 2.0, 5.0)
    alphas: tuple[float, ...] = (0.25, 0.5, 0.75)
    repeats: int = 5
    steps: int = 300


QUICK = Sweep((2.0,), (0.5,), 2, 2)
"""Settings that only check that everything runs."""

EXCLUDED = ("2020.03.13.20035212",)
"""As for the shipped weights: see docs/training-classify.md."""


def features_of(model, regions: Regions) -> NDArray[np.float32]:  # type: ignore[no-untyped-def]
    """Return the features that the head averages and weighs, float32 (n, 1280)."""
    import keras

    backbone = keras.Model(model.inputs, keras.layers.GlobalAveragePooling2D()(model.get_layer("head_dropout").output))
    return np.asarray(backbone.predict(regions.inputs, batch_size=32, verbose=0))


def train_head(
    features: NDArray[np.float32], covid: NDArray[np.bool_], gamma: float, alpha: float, seed: int, steps: int
) -> NDArray[np.float64]:
    """Return weights and bias of a linear head, float64 (1281,), trained on all features at once."""
    import keras

    keras.utils.set_random_seed(seed)
    head = keras.Sequential([keras.layers.Dense(1, kernel_initializer="zeros")])
    head.compile(
        keras.optimizers.AdamW(1e-2, weight_decay=1e-2),
        loss=focal_loss(gamma, alpha),
    )
    targets = covid[:, None].astype(np.float32)

    class SamePictures(keras.utils.PyDataset):  # type: ignore[misc]
        """All pictures in every step of one epoch, because starting an epoch takes longer than a step."""

        def __len__(self) -> int:
            return steps

        def __getitem__(self, _step: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            return features, targets

    head.fit(SamePictures(workers=1), verbose=0)
    kernel, bias = (np.asarray(part, dtype=np.float64) for part in head.get_weights())
    return np.append(kernel[:, 0], bias)


def draw(covid: NDArray[np.bool_], ratio: int | None, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return indices of training pictures in the data's own ratio, or with one COVID picture to `ratio` others."""
    positive, negative = np.flatnonzero(covid), np.flatnonzero(~covid)
    if ratio is None:
        return rng.choice(covid.size, covid.size)  # a bootstrap, so that repeats differ
    return np.concatenate([rng.choice(positive, negative.size // ratio, replace=False), negative])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lite0", type=Path, help="the initial weights")
    parser.add_argument("run", type=Path)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--quick", action="store_true", help="only show that everything runs")
    given = parser.parse_args()
    segmenter = LungSegmenter()
    train, val = split_examples([item for path in given.data for item in read_examples(path)], 0.2, 0, EXCLUDED)
    train = settle_leaks(train, val, "drop")
    parts = [
        cut_regions(
            part,
            lung_finder(segmenter),
            RoiPreprocessing(),
            given.run / f"regions-{name}.npz",
            segmenter.card.sha256,
        )
        for name, part in (("train", train), ("val", val))
    ]
    model = build_classifier()
    load_lite0(model, given.lite0, parts[0].inputs[::22])
    measure(*(features_of(model, part) for part in parts), *parts, QUICK if given.quick else Sweep())


def measure(
    training: NDArray[np.float32], validation: NDArray[np.float32], trained: Regions, validated: Regions, sweep: Sweep
) -> None:
    """Print validation figures of each setting, the mean and standard deviation over repeats."""
    mean, std = training.mean(axis=0), training.std(axis=0) + 1e-6
    training, validation = (training - mean) / std, (validation - mean) / std
    for title, ratio in (("the data's own ratio", None), ("one of COVID to ten others", 10)):
        table = Table("gamma", "alpha", "AUC", "average precision", "ECE", "sensitivity", "specificity", title=title)
        for gamma, alpha in product(sweep.gammas, sweep.alphas):
            rows = []
            for seed in range(sweep.repeats):
                chosen = draw(trained.covid, ratio, np.random.default_rng(seed))
                weights = train_head(training[chosen], trained.covid[chosen], gamma, alpha, seed, sweep.steps)
                rows.append(figures(validation @ weights[:-1] + weights[-1], validated.covid))
            cells = [f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}" for values in zip(*rows, strict=True)]
            table.add_row(f"{gamma:g}", f"{alpha:g}", *cells)
        Console(width=120).print(table)


def figures(logits: NDArray[np.float64], covid: NDArray[np.bool_]) -> tuple[float, ...]:
    """Return AUC, average precision, ECE, and sensitivity and specificity at 0.5."""
    probabilities = sigmoid(logits)
    called = probabilities >= 0.5
    return (
        auc(logits, covid),
        average_precision(logits, covid),
        expected_calibration_error(probabilities, covid),
        float(called[covid].mean()),
        float((~called[~covid]).mean()),
    )


if __name__ == "__main__":
    main()
