"""Measure what the out-of-distribution score refuses: wrong inputs and, by mistake, chest CT.

Run: python -m benchmarks.trust.refusal --wrong OUT --data covid-ct --data sarscov2-ct [--validation-share 0.2]
     [--half b] [--ct PATH] [--out DIR]

OUT is the output of wrong_inputs.py. Validation CT is the val part of a data set or, if it has none, --validation-share
of its patients, seed 0, as in `lungct evaluate classify --validation-share`. --ct is further chest CT, a file or
folder, that should not be refused: each scan and, for volumes, each slice with at least a quarter as much lung as the
slice with the most. A picture without lung, or one that can't be read, is refused and has an infinite score. --data and
--ct may be repeated.

Writes refusal.json, coverage.png and scores.csv to --out. With `--scores scores.csv` instead of all other options, the
figures are computed from that file again.
"""

from __future__ import annotations

import csv
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from lungct.classify.data.dataset import read_examples, split_examples
from lungct.classify.evaluation.coverage import coverage_curve
from lungct.common.page import write_json
from lungct.pipeline import Pipeline, Prediction
from lungct.sources import SourceError, find_sources, read_scan

from ..common.sections import Section
from .refusal_figures import FURTHER, VALIDATION, WRONG, Judged, by_kind, scores, summary

SLICE_SHARE = 0.25
"""Slices with a smaller share of the largest slice's lung are tips of the lungs, which nobody submits alone."""


def score_of(prediction: Prediction) -> float:
    """Return the refusal score: infinite without lung, NaN if none was measured."""
    if prediction.error is not None or "no-lung" in prediction.warnings:
        return np.inf
    return np.nan if prediction.ood_score is None else float(prediction.ood_score)


def judged(prediction: Prediction, role: str, kind: str, group: str, half: str = "", right: float = np.nan) -> Judged:
    """Return a prediction as a row."""
    notes = prediction.error or " ".join(prediction.warnings)
    return Judged(role, kind, group, prediction.source, half, score_of(prediction), right, notes)


def judge_wrong(pipe: Pipeline, folder: Path, half: str | None) -> Iterator[Judged]:
    """Yield the wrong inputs listed in ``sources.csv``, of one half or both.

    Raises
    ------
    SourceError
        When the list is missing.
    """
    table = folder / "sources.csv"
    if not table.is_file():
        raise SourceError(str(table), "is missing", "Make it with benchmarks/trust/wrong_inputs.py")
    with table.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if half in (None, row["half"])]
    for row, prediction in zip(rows, pipe.stream([folder / row["file"] for row in rows]), strict=True):
        yield judged(prediction, WRONG, row["kind"], f"{row['kind']}/{row['source']}", row["half"])


def judge_validation(pipe: Pipeline, data: Sequence[Path], share: float) -> Iterator[Judged]:
    """Yield the validation pictures of data sets, with whether the answer is right."""
    examples = split_examples([item for path in data for item in read_examples(path)], share, seed=0)[1]
    for item, prediction in zip(examples, pipe.stream([item.path for item in examples]), strict=True):
        probability = prediction.probability
        said = np.nan if probability is None else probability >= pipe.classifier.threshold
        right = np.nan if probability is None else float(said == item.covid)
        yield judged(prediction, VALIDATION, item.source, item.patient, right=right)


def judge_further(pipe: Pipeline, place: Path) -> Iterator[Judged]:
    """Yield the scan of a file, or each scan of a folder; for volumes, also each slice with lung."""
    for source in find_sources(place).sources if place.is_dir() else [place]:
        scan = read_scan(source)
        whole = pipe.predict(scan)
        yield judged(whole, FURTHER, f"{place.name}: scans", whole.source)
        for index in slices_with_lung(whole.lung_mask.reshape(scan.shape)) if len(scan) > 1 else ():
            part = pipe.predict(scan.pixels[index], intensity=scan.intensity)
            yield judged(part, FURTHER, f"{place.name}: slices", whole.source)


def slices_with_lung(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the slices with at least `SLICE_SHARE` of the largest slice's lung; none if there is no lung.

    Parameters
    ----------
    mask : ndarray of bool, shape (slices, height, width)
    """
    areas = mask.sum(axis=(1, 2))
    return np.flatnonzero((areas > 0) & (areas >= SLICE_SHARE * areas.max()))


def draw_coverage(valid: Sequence[Judged], path: Path) -> None:
    """Draw the curve of each validation set."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, own in {**by_kind(valid), "both": list(valid)}.items():
        curve = coverage_curve(scores(own), np.array([row.right for row in own]))
        axes.plot(curve.coverage, curve.accuracy, label=f"{name}, n = {len(own)}")
    axes.set(
        xlabel="share kept, the highest scores refused first",
        ylabel="accuracy on what is kept",
        xlim=(0, 1),
        ylim=(0.5, 1),
    )
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=150)
    plt.close(figure)


def judge_all(args: Namespace) -> Iterator[Judged]:
    """Yield all requested inputs."""
    pipe = Pipeline.from_pretrained()
    yield from judge_validation(pipe, args.data, args.validation_share)
    for place in args.ct:
        yield from judge_further(pipe, place)
    if args.wrong:
        yield from judge_wrong(pipe, args.wrong, args.half)


def read_scores(path: Path) -> list[Judged]:
    """Read what `write_results` wrote as ``scores.csv``."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Judged(**{**row, "score": float(row["score"]), "right": float(row["right"])})
            for row in csv.DictReader(file)
        ]


def write_results(folder: Path, rows: Sequence[Judged], sections: Sequence[Section]) -> None:
    """Write scores, tables and the curve."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "scores.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [item.name for item in fields(Judged)])
        table.writeheader()
        table.writerows(map(asdict, rows))
    valid = [row for row in rows if row.role == VALIDATION]
    curve = coverage_curve(scores(valid), np.array([row.right for row in valid]))
    tables = {section.key: {"title": section.title, "rows": section.rows} for section in sections}
    write_json(
        folder / "refusal.json", {**tables, "curve": {name: line.tolist() for name, line in curve._asdict().items()}}
    )
    if valid and not np.isnan(scores(valid)).any():
        draw_coverage(valid, folder / "coverage.png")


def main() -> None:
    """Print the tables."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wrong", type=Path)
    parser.add_argument("--half", choices=("a", "b"))
    parser.add_argument("--data", type=Path, action="append", default=[])
    parser.add_argument("--validation-share", type=float, default=0.2)
    parser.add_argument("--ct", type=Path, action="append", default=[])
    parser.add_argument("--scores", type=Path)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if not (args.scores or (args.wrong and args.data)):
        parser.error("give --wrong and --data, or --scores of an earlier run")
    rows = read_scores(args.scores) if args.scores else list(judge_all(args))
    rows = [row for row in rows if args.half in (None, row.half) or row.role != WRONG]
    sections = summary(rows)
    for section in sections:
        section.show(Console(width=150))
    if args.out:
        write_results(args.out, rows, sections)


if __name__ == "__main__":
    main()
