"""Parameters, operations and time per slice of each backbone the classifier can have, side by side.

Run: python -m benchmarks.training.backbones [NAME ...] [--slices 20]

Times are of the exported network at 224 x 224, one slice at a time, on the engine that lungct uses; weights don't
affect them. To see how well a backbone learns: lungct train classify --backbone NAME, see docs/training-classify.md.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from lungct.classify import Classifier, RoiPreprocessing, build_classifier
from lungct.classify.network import BACKBONES
from lungct.weights import CLASSIFIER
from lungct.weights.release import release


def giga_operations(model) -> float:  # type: ignore[no-untyped-def]
    """Return floating-point operations for one slice in 1e9, multiplications and additions each counted."""
    import tensorflow as tf

    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation()).with_empty_output().build()
    graph = tf.function(model).get_concrete_function(tf.TensorSpec((1, *model.input_shape[1:]))).graph
    return float(profiler.profile(graph, options=options).total_float_ops) / 1e9


def milliseconds(model, folder: Path, slices: int) -> float:  # type: ignore[no-untyped-def]
    """Return the median time of one slice in the exported network."""
    card = release(
        model, folder, CLASSIFIER, version="benchmark", task="benchmark", architecture={}, licence="none",
        preprocessing=RoiPreprocessing().to_dict(), decision={"temperature": 1.0, "threshold": 0.5}, training_data=[],
    )  # fmt: skip
    card.write()
    classifier = Classifier(card)
    inputs = np.random.default_rng(0).random((1, *model.input_shape[1:]), dtype=np.float32)
    times = []
    for _ in range(slices + 3):
        start = time.perf_counter()
        classifier.logits(inputs)
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times[3:]))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(BACKBONES), metavar="NAME", help="all by default")
    parser.add_argument("--slices", type=int, default=20, help="number of slices to time")
    given = parser.parse_args()
    table = Table("backbone", "parameters, millions", "GFLOPs a slice", "ms a slice", "to the first")
    first = None
    for name in given.names:
        model = build_classifier(backbone=name)
        operations = giga_operations(model)
        with tempfile.TemporaryDirectory() as folder:
            taken = milliseconds(model, Path(folder), given.slices)
        first = first or taken
        table.add_row(
            name, f"{model.count_params() / 1e6:.1f}", f"{operations:.2f}", f"{taken:.1f}", f"{taken / first:.1f} x"
        )
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
