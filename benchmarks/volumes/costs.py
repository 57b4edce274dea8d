"""The cost of 3-D training, preprocessing and inference, and of a large volume from file to answer.

    python -m benchmarks.volumes.costs --series DATA/lung-pet-ct-dx-dicom/series-B40f [--quick]

Training runs in fresh processes, so that each row's memory is its own; engines are timed in turns. The networks are
untrained, which doesn't affect time and memory. The large volume repeats a real series forwards and backwards.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from lungct.classify import VolumeClassifier, VolumePreprocessing
from lungct.lungseg import LungSegmenter
from lungct.sources import Scan, read_scan
from lungct.sources.nifti import write_nifti
from lungct.weights.fitting import prepare_environment

from ..common.examples import SERIES
from ..common.machine import describe
from ..common.timing import Contender, race
from ..speed.processes import fresh
from ..speed.series import there_and_back

Shape = tuple[int, int, int]

SMALL, LARGE = (32, 64, 64), (64, 128, 128)

TRAININGS = ((SMALL, 8, 4), (SMALL, 64, 4), (LARGE, 8, 4), (LARGE, 64, 2))
"""Shape, filters, batch."""

NETWORKS = ((SMALL, 8), (SMALL, 64), (LARGE, 64))
"""Shape and filters of the networks for inference; the last is used for the large volume."""

TRAINED = """
import json, time
import numpy as np
from lungct.weights.fitting import prepare_environment
prepare_environment()
from lungct.classify.training.loss import focal_loss
from lungct.classify.training.optimizer import averaging_adamw
from lungct.classify.volume.augment import augment_volume
from lungct.classify.volume.network import build_volume_classifier
from lungct.classify.volume.recipe import VolumeRecipe
shape, filters, batch = {what}
model = build_volume_classifier(shape, filters)
model.compile(averaging_adamw(VolumeRecipe(), 100), loss=focal_loss(2.0, 0.5))
volume = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
targets = np.zeros((batch, 1), np.float32)
steps, changes = [], []
for step in range({steps} + 1):
    start = time.perf_counter()
    volumes = np.stack([augment_volume(volume, seed) for seed in range(batch)])[..., None]
    changed = time.perf_counter()
    model.train_on_batch(volumes, targets)
    steps.append(time.perf_counter() - changed)
    changes.append((changed - start) / batch)
open({out!r}, "w").write(json.dumps([sorted(steps[1:])[len(steps) // 2 - 1], sorted(changes)[len(changes) // 2]]))
"""

END_TO_END = """
import time
from lungct.classify import VolumeClassifier
from lungct.pipeline import Pipeline
pipe = Pipeline.from_pretrained(volume_classifier=VolumeClassifier.from_card({card!r}))
found = pipe.predict({volume!r})
assert found.probability is not None and len(found.slice_probabilities) == {slices}
"""


def measure_training(folder: Path, trainings: Sequence[tuple[Shape, int, int]], steps: int) -> None:
    """Print milliseconds per training step and peak memory, each in a fresh process."""
    print("\n| training, slices x height x width | filters | batch | ms a step | augmentation, ms a volume | peak MB |")
    print("|---|---|---|---|---|---|")
    for what in trainings:
        shape, filters, batch = what
        out = folder / "steps.json"
        _, _, peak = fresh(TRAINED.format(what=what, steps=steps, out=str(out)))
        step, change = json.loads(out.read_text())
        row = (_words(shape), filters, batch, round(1000 * step), round(1000 * change), round(peak))
        print("|", " | ".join(map(str, row)), "|", flush=True)


def write_network(folder: Path, shape: Shape, filters: int) -> VolumeClassifier:
    """Write an untrained network with its card and open it."""
    prepare_environment()
    from lungct.classify.volume.network import build_volume_classifier
    from lungct.weights.release import release

    card = release(
        build_volume_classifier(shape, filters),
        folder / f"{_words(shape)}-{filters}",
        "cnn3d-covid",
        version="untrained",
        task="benchmark",
        architecture={},
        preprocessing=VolumePreprocessing(shape).to_dict(),
        decision={"temperature": 1.0, "threshold": 0.5},
        training_data=[],
        licence="none",
    )
    card.write()
    return VolumeClassifier(card)


def measure_inference(networks: Mapping[str, VolumeClassifier], scan: Scan, mask: np.ndarray, rounds: int) -> None:
    """Print milliseconds per volume for preprocessing, and for the network on each engine."""
    contenders = []
    for name, network in networks.items():
        volume = network.preprocess(scan, mask)[None, ..., None]
        prepared = partial(network.preprocess, scan, mask)
        true = partial(replace(network.preprocess, sampling="isotropic"), scan, mask)
        contenders += [
            Contender(f"preprocessing {len(scan)} slices to {name}, fixed", prepared),
            Contender(f"preprocessing {len(scan)} slices to {name}, isotropic", true),
        ]
        for engine in ("openvino", "onnxruntime"):
            opened = VolumeClassifier(network.card, engine)
            contenders.append(Contender(f"network {name}, {engine}", partial(opened.logit, volume)))
    print("\n| inference | ms a volume (quartiles) |\n|---|---|")
    for name, timing in race(contenders, rounds, 0.1 * rounds).items():
        found = timing.spread
        print(f"| {name} | {found['median']:.1f} ({found['low']:.1f} to {found['high']:.1f}) |")


def measure_large(card: Path, volume: Path, slices: int) -> None:
    """Print seconds and peak memory of a large volume, from file to answer, in a fresh process."""
    print("\n| end to end | s | peak MB |\n|---|---|---|")
    seconds, _, peak = fresh(END_TO_END.format(card=str(card), volume=str(volume), slices=slices))
    print(f"| {slices} slices of 512 x 512, {card.parent.name} | {seconds:.1f} | {peak:.0f} |", flush=True)


def _words(shape: Shape) -> str:
    return "x".join(map(str, shape))


def main() -> None:
    """Measure all of it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--series", type=Path, default=SERIES, help="DICOM folder whose slices make the volumes")
    options.add_argument("--quick", action="store_true", help="only show that everything runs")
    given = options.parse_args()
    trainings, sizes = (TRAININGS[:1], NETWORKS[:1]) if given.quick else (TRAININGS, NETWORKS)
    steps, rounds, slices = (1, 1, 6) if given.quick else (5, 5, 300)
    print(json.dumps(describe(), indent=1))
    series = read_scan(given.series)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        start = time.perf_counter()
        measure_training(folder, trainings, steps)
        networks = {
            f"{_words(shape)}, {filters} filters": write_network(folder, shape, filters) for shape, filters in sizes
        }
        measure_inference(networks, series, LungSegmenter().segment(series).mask, rounds)
        large = folder / "large.nii.gz"
        pixels = series.pixels[there_and_back(len(series), slices)].astype(np.int16)
        write_nifti(large, pixels, Scan(pixels.astype(np.float32), "hu", (1.0, 0.65, 0.65)))
        del pixels, series
        measure_large(list(networks.values())[-1].card.path.with_suffix(".json"), large, slices)
        print(f"\n{time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
