"""``lungct evaluate lungseg`` and ``lungct evaluate classify``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...common.optional import require
from ...common.page import figure_in_words
from ...common.progress import with_progress
from ...sources import SourceError
from ..settings import PipelineSettings, SegmenterSettings
from .options import (
    PIPELINE_OPTIONS,
    errors,
    opened,
    opened_segmenter,
    optional_paths,
    plain_failures,
    require_train_extra,
)
from .report import AllPartsOption, require_report_extra
from .settings_options import takes
from .training.options import Leaks

if TYPE_CHECKING:
    from ...lungseg.data.dataset import DataSet, LabelledScan

NETWORKS = ("modality", "segmenter", "classifier", "engine", "precision", "threads")
"""Options that choose the networks to measure."""

Images = Annotated[list[Path], typer.Option(help="Folder of scans; repeat for more data sets.", exists=True)]
Patients = Annotated[
    list[str] | None, typer.Option(help="CSV with columns file and patient, one per --images; '-' for none.")
]
ValidationShare = Annotated[
    float | None,
    typer.Option(min=0.01, max=0.9, help="Measure only the validation patients of a training run with this share."),
]
Seed = Annotated[int, typer.Option(help="Seed of that training run.")]

evaluate_app = typer.Typer(help="Measure the networks on labelled data.", no_args_is_help=True)


@evaluate_app.command()
@takes(SegmenterSettings(), {name: PIPELINE_OPTIONS[name] for name in NETWORKS})
def lungseg(
    images: Images,
    masks: Annotated[
        list[Path], typer.Option(help="Folder of their lung masks, same names; one per --images.", exists=True)
    ],
    out: Annotated[Path, typer.Option(help="Folder for report.html, report.json, slices.csv and patients.csv.")],
    patients: Patients = None,
    infections: Annotated[
        list[str] | None,
        typer.Option(help="Folder of infection masks, one per --images; '-' for none."),
    ] = None,
    validation_share: ValidationShare = None,
    seed: Seed = 0,
    single_slices: Annotated[
        bool, typer.Option("--single-slices", help="Segment each slice of a volume on its own, without its neighbours.")
    ] = False,
    flags: Annotated[
        bool,
        typer.Option(
            help="Also measure the warnings on artificial failures made from the scans; needs the train extra."
        ),
    ] = False,
    *,
    settings: SegmenterSettings,
) -> None:
    """Compare the lungs found with lungs drawn by people.

    Reports Dice, Jaccard, sensitivity, specificity, average surface distance and 95 % Hausdorff distance (in pixels,
    and in mm if the spacing is known), the share of infected pixels kept, Dice of slices with much lung, the share of
    lung tips found, lung found in slices without any, the share of lung on the right side (for masks of 1 and 2), and
    Dice on tight crops in random windows; by data set and patient, with bootstrap intervals and pictures of the ten
    worst slices.

    Example: lungct evaluate lungseg --images ct --masks lungs --patients patients.csv --out report
    """
    require("skimage", "scipy", purpose="An evaluation", extra="report")
    from ...lungseg.data.dataset import DataSet
    from ...lungseg.evaluation.evaluate import evaluate_segmenter
    from ...lungseg.evaluation.page import write_report

    tables, infected = optional_paths(patients, len(images)), optional_paths(infections, len(images))
    if len(masks) != len(images) or tables is None or infected is None:
        raise typer.BadParameter("give --masks, and --patients and --infections if used, once for each --images")
    if flags:
        require_train_extra()
        from ...lungseg.evaluation.failures import measure_flags
    with plain_failures():
        network = opened_segmenter(settings)
        try:
            data_sets = [DataSet(*folders) for folders in zip(images, masks, tables, infected, strict=True)]
            scans = partial(read_scans, data_sets, validation_share, seed)
            evaluation = evaluate_segmenter(network, scans("Measuring"), single_slices=single_slices)
            found = measure_flags(network, scans("Making failures")) if flags else []
        except (SourceError, ValueError) as error:
            raise typer.BadParameter(str(error)) from error
        page = write_report(evaluation, network.card, out, found)
    for name, figures in evaluation.summary().items():
        if "dice" in figures:
            low, high = figures["dice"]["interval"]
            typer.echo(f"{name}: Dice {figures['dice']['mean']:.4f} ({low:.4f} to {high:.4f}), see {page}")


@evaluate_app.command()
@takes(PipelineSettings(), {name: PIPELINE_OPTIONS[name] for name in NETWORKS})
def classify(
    data: Annotated[
        list[Path],
        typer.Option(
            help="Folder with COVID/ and NonCOVID/, or with train/, val/ and test/ that contain them; or a CSV with "
            "columns path, label, and optionally patient, source, split. May be repeated.",
            exists=True,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for report.html, report.json and pictures.csv.")],
    validation_share: Annotated[
        float | None,
        typer.Option(min=0.01, max=0.9, help="Measure only the validation pictures of a training run with this share."),
    ] = None,
    seed: Seed = 0,
    exclude: Annotated[
        list[str] | None,
        typer.Option(help="Leave out training pictures with this in their file name. May be repeated."),
    ] = None,
    leaks: Leaks = "refuse",
    all_parts: AllPartsOption = False,
    *,
    settings: PipelineSettings,
) -> None:
    """Compare the answers with labels, on each data set's test part, or its val part, or all if it has no parts.

    Reports accuracy, sensitivity, specificity, precision, F1, AUC, average precision, Brier score and calibration, with
    bootstrap intervals over patients; confusion matrix, ROC, precision-recall and reliability curves; scores with the
    lungs erased or from the lung mask alone; and the best and worst answers with heatmaps. Refuses data whose parts
    share patients or near-duplicate pictures.

    Example: lungct evaluate classify --data covid-ct --out report
    """
    require_report_extra()
    from ...classify.data.dataset import read_examples, split_examples, to_measure, without_repeats, without_training
    from ...classify.data.leaks import settle_leaks
    from ...classify.evaluation.page import write_report
    from ...classify.evaluation.scoring import score_pictures
    from ...lungseg.finder import lung_finder

    with plain_failures():
        pipe = opened(settings)
        network, first_stage = pipe.classifier, pipe.segmenter
        try:
            examples, repeated = without_repeats([item for path in data for item in read_examples(path)])
            if repeated:
                errors.print(
                    f"{len(repeated)} pictures are listed more than once and counted once, such as {repeated[0]}"
                )
            examples = without_training(examples, exclude or ())
            if validation_share:
                others, measured = split_examples(examples, validation_share, seed)
            else:
                measured = examples if all_parts else to_measure(examples)
                chosen = set(measured)
                others = [item for item in examples if item not in chosen]
            if trained := sum(item.part == "train" for item in measured):
                errors.print(
                    f"{trained} training pictures are measured: results on those say nothing about new patients"
                )
            kept = settle_leaks(measured, others, leaks)
            if len(kept) < len(measured):
                errors.print(f"{len(measured) - len(kept)} pictures left out: shared with other parts")

            find_lungs = lung_finder(first_stage)
            scores = score_pictures(network, kept, find_lungs)
            scored = list(with_progress(scores, "Measuring", len(kept)))
            report = write_report(scored, network, find_lungs, out)
        except (SourceError, ValueError) as error:
            raise typer.BadParameter(str(error)) from error
    for name, figures in report["data_sets"].items():
        auc, accuracy = (figure_in_words(figures[figure]) or "not known" for figure in ("auc", "accuracy"))
        typer.echo(f"{name}: AUC {auc}, accuracy {accuracy}, {figures['n']} pictures, see {out / 'report.html'}")


def read_scans(data_sets: Sequence[DataSet], share: float | None, seed: int, what: str) -> Iterator[LabelledScan]:
    """Read annotated scans with a progress bar; with a share, only those of the validation patients of a split."""
    files = [data_set.split(share, seed)[1] if share else list(data_set.files()) for data_set in data_sets]
    every = (scan for data_set, some in zip(data_sets, files, strict=True) for scan in data_set.scans(some))
    return with_progress(every, what, sum(map(len, files)))
