"""Volumes with planted lesions, which show that ``lungct train volume`` works, and the measurement.

    python -m benchmarks.volumes.planted write --count 500 --seed 1 train
    lungct train volume --data train/manifest.csv --size 32x64x64 --filters 8 --epochs 30 --batch 4 --out run
    python -m benchmarks.volumes.planted write --count 100 --seed 2 held-out
    python -m benchmarks.volumes.planted measure held-out run/cnn3d-covid.json
    python -m benchmarks.volumes.planted write --bodies DATA --count 60 --seed 3 bodies
    python -m benchmarks.volumes.planted measure bodies run/cnn3d-covid.json

`write` makes a folder of NIfTI volumes and a manifest; every second volume has lesions. `measure` classifies them with
`Pipeline(volume_classifier=...)` and prints AUCs with 95 % bootstrap intervals, next to those of trivial features. Its
predictions, including those of every slice, are stored in FOLDER/predictions.json for aggregations.py.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from lungct.classify.data.dataset import Example, read_table
from lungct.classify.evaluation.metrics import auc_of, summarise, with_interval
from lungct.classify.volume.classifier import VolumeClassifier
from lungct.common.progress import with_progress
from lungct.common.text import write_csv
from lungct.pipeline import Pipeline
from lungct.sources import Scan
from lungct.sources.nifti import write_nifti
from lungct.weights import load_card

from .bodies import deform, read_bodies
from .lesions import add_nuisance, plant
from .phantoms import Volume, as_scanned, make_phantom

PREDICTIONS = "predictions.json"

FEATURES = ("mean HU of the lungs", "largest blob, ml", "share above, of the lungs")
"""Trivial features, see `_trivial`."""

BLOB = 200.0
"""A voxel counts towards the largest blob if it is more than this many HU above the lungs' median."""


def write(folder: Path, count: int, seed: int, shared: Path | None) -> None:
    """Write volumes and ``manifest.csv``; volume i depends only on the seed and i, so a killed run can be resumed."""
    (folder / "volumes").mkdir(parents=True, exist_ok=True)
    bodies = read_bodies(shared) if shared else {}
    rows = []
    for index in with_progress(range(count), "Drawing volumes"):
        rng = np.random.default_rng((seed, index))
        covid = index % 2 == 1
        # Pairs share a body: the class must not depend on it.
        name = list(bodies)[index // 2 % len(bodies)] if bodies else f"phantom {seed} {index}"
        clean = deform(bodies[name], rng) if bodies else make_phantom(rng)
        path = folder / "volumes" / f"{index:04d}.nii.gz"
        volume, words = _finished(clean, covid, rng)
        if not path.exists():
            whole = write_nifti(path.with_name(f"new-{path.name}"), np.rint(volume.hu).astype(np.int16), _scan(volume))
            whole.replace(path)
        label = "COVID" if covid else "NonCOVID"
        rows.append(
            {"path": f"volumes/{path.name}", "label": label, "patient": name, "source": folder.name, "planted": words}
        )
    write_csv(folder / "manifest.csv", list(rows[0]), rows)


def _finished(clean: Volume, covid: bool, rng: np.random.Generator) -> tuple[Volume, str]:
    common = add_nuisance(clean, rng)
    planted, words = plant(common, rng) if covid else (common, "none")
    return as_scanned(planted, rng), words


def _scan(volume: Volume) -> Scan:
    return Scan(volume.hu, "hu", volume.spacing)


def measure(folder: Path, card: Path) -> None:
    """Classify the volumes of a folder."""
    shipped = Pipeline.from_pretrained()
    whole = VolumeClassifier.from_card(card)
    pipe = Pipeline(shipped.segmenter, shipped.classifier, volume_classifier=whole)
    rows = list(_judged(pipe, read_table(folder / "manifest.csv")))
    (folder / PREDICTIONS).write_text(json.dumps(rows, indent=1), encoding="utf-8")


def show(folder: Path, threshold: float) -> None:
    """Print how well each score separates the classes of the volumes."""
    rows = json.loads((folder / PREDICTIONS).read_text(encoding="utf-8"))
    found = [row for row in rows if row["probability"] is not None]
    covid, names = np.array([row["covid"] for row in found]), [row["path"] for row in found]
    print(f"{len(found)} of {len(rows)} volumes with lungs, {len({row['patient'] for row in rows})} bodies")
    own = summarise(np.array([row["probability"] for row in found]), covid, names, threshold)
    print(json.dumps({"volume classifier": own}, indent=1))
    for feature in FEATURES:
        print(feature, with_interval(names, auc_of(np.array([row[feature] for row in found]), covid)))


def _judged(pipe: Pipeline, examples: list[Example]) -> Iterator[dict[str, Any]]:
    for item in with_progress(examples, "Judging"):
        prediction = pipe.predict(item.path)
        yield {
            "path": item.path.name,
            "patient": item.patient,
            "covid": item.covid,
            "probability": prediction.probability,
            "slice_probabilities": prediction.to_dict()["slice_probabilities"],
            "lung": prediction.classification.lung.tolist(),
            **_trivial(prediction.scan, prediction.lung_mask),
        }


def _trivial(scan: Scan, mask: np.ndarray) -> dict[str, float]:
    """Return features of the lungs that need only a threshold and no network."""
    inside = scan.pixels[mask]
    if not inside.size:
        return dict.fromkeys(FEATURES, 0.0)
    core = ndimage.binary_erosion(mask, np.ones((1, 3, 3)))  # half of a border voxel is chest wall
    bright = ndimage.binary_opening(core & (scan.pixels > np.median(inside) + BLOB), np.ones((1, 3, 3)))
    labels, count = ndimage.label(bright)
    largest = np.bincount(labels.ravel())[1:].max() if count else 0
    volume = float(largest * np.prod(scan.spacing) / 1000)
    return dict(zip(FEATURES, (float(inside.mean()), volume, float(bright.sum() / mask.sum())), strict=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    writing = commands.add_parser("write", help="draw volumes")
    writing.add_argument("folder", type=Path)
    writing.add_argument("--count", type=int, default=80)
    writing.add_argument("--seed", type=int, default=0)
    writing.add_argument("--bodies", type=Path, help="folder of the training data: deform its two real chests")
    for name, words in (("measure", "judge volumes and show"), ("show", "show what was measured")):
        measuring = commands.add_parser(name, help=words)
        measuring.add_argument("folder", type=Path)
        measuring.add_argument("card", type=Path)
    given = parser.parse_args()
    if given.command == "write":
        write(given.folder, given.count, given.seed, given.bodies)
    else:
        if given.command == "measure":
            measure(given.folder, given.card)
        show(given.folder, float(load_card(given.card).decision["threshold"]))
