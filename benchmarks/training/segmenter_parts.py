"""Measure what the second look and the clean-up contribute, on the validation patients of a data set.

Run: python -m benchmarks.training.segmenter_parts IMAGES MASKS [PATIENTS.csv | -] [SHARE | all]

SHARE is the validation share of the training run, 0.25 for the shipped weights; `all` measures every patient.
"""

import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from lungct.lungseg import LungSegmenter, clean_mask
from lungct.lungseg.data.dataset import DataSet, LabelledScan
from lungct.lungseg.evaluation.evaluate import mean_over_patients
from lungct.lungseg.evaluation.scores import dice
from lungct.weights import SEGMENTER, load_card

MARGINS = (None, 0.05, 0.15, 0.3)


@cache
def segmenter_with(margin: float | None) -> LungSegmenter:
    """Open the shipped network with another margin for its second look; None means one look only."""
    card = load_card(SEGMENTER)
    return LungSegmenter(replace(card, decision={**card.decision, "second_look_margin": margin}))


def masks_of(scan: LabelledScan, margin: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the masks before and after clean-up."""
    segmenter = segmenter_with(margin)
    raw = np.stack([probability > segmenter.threshold for probability in segmenter.probabilities(scan.scan)])
    return raw, clean_mask(raw[0])[None] if len(raw) == 1 else clean_mask(raw)


def main() -> None:
    """Print a table: Dice of slices with lung, share found in slices without."""
    images, masks, patients, share = [*sys.argv[1:], *["-", "0.25"][len(sys.argv) - 3 :]]
    data_set = DataSet(Path(images), Path(masks), None if patients == "-" else Path(patients))
    files = None if share == "all" else data_set.split(float(share), 0)[1]
    rows: dict[str, list[tuple[float, str]]] = {}
    empty: dict[str, list[float]] = {}
    for scan in data_set.scans(files):
        for margin in MARGINS:
            for name, found in zip(("raw", "cleaned"), masks_of(scan, margin), strict=True):
                key = f"{'one look' if margin is None else f'second look, margin {margin}'}, {name}"
                for one, drawn in zip(found, scan.mask, strict=True):
                    if drawn.any():
                        rows.setdefault(key, []).append((dice(one, drawn), scan.patient))
                    else:
                        empty.setdefault(key, []).append(float(one.mean()))
    for key, values in rows.items():
        figures = mean_over_patients(*map(list, zip(*values, strict=True)))
        outside = f", found without lung {np.mean(empty[key]):.4%}" if key in empty else ""
        print(f"{key}: Dice {figures['mean']:.4f} {figures['interval']}, lowest {figures['lowest']:.3f}{outside}")


if __name__ == "__main__":
    main()
