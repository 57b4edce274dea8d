"""``lungct report``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from ...classify.data.dataset import NEGATIVE, PARTS, POSITIVE, Example, read_examples, read_table, to_measure
from ...common.optional import require
from ...common.page import figure_in_words
from ...common.progress import with_progress
from ...sources import SourceError
from ..settings import PipelineSettings
from .options import errors, opened, plain_failures, takes_pipeline

AllPartsOption = Annotated[
    bool, typer.Option("--all-parts", help="Measure training parts, too: figures on what was trained on are none.")
]


@takes_pipeline
def report(
    data: Annotated[
        list[Path],
        typer.Option(
            help="Folder with COVID/ and NonCOVID/, or train/, val/, test/ that hold them, each file or folder in them "
            "a scan; any folder with --reference; or a CSV as for --reference. Repeat for more sources.",
            exists=True,
        ),
    ],
    out: Annotated[Path, typer.Option(help="The page, such as report.html; report.json is written beside it.")],
    reference: Annotated[
        Path | None,
        typer.Option(
            help="CSV with columns path (relative to --data or to the CSV) and label (COVID or NonCOVID, 1 or 0), and "
            "patient, source, split, paper where known; all other columns make subgroups.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    prevalence: Annotated[
        list[float] | None,
        typer.Option(
            min=0.0001,
            max=0.9999,
            help="Share of COVID among those examined, for predictive values; repeat. By default 0.05 and 0.2.",
        ),
    ] = None,
    all_parts: AllPartsOption = False,
    *,
    settings: PipelineSettings,
) -> None:
    """Measure the pipeline on your own labelled data and write one page about it.

    Measures of each source the test part, else the val part, else what has no part. Says first what speaks against
    the figures: patients, papers or near-duplicate pictures in several parts, failures, shortcuts. Then cohort,
    discrimination, calibration, thresholds, sources left out, subgroups, refusal, example pictures, provenance and the
    CLAIM checklist.

    Example: lungct report --data covid-ct --out report.html
    """
    require_report_extra()
    from ...classify.evaluation.thresholds import distinct
    from ..report.report import PREVALENCES, check_listed, write_report

    if out.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter(f"--out names the page: give a name such as {out / 'report.html'}")
    with plain_failures():
        try:
            prevalences = distinct(prevalence or PREVALENCES)
            examples = _read(data, reference)
            unlisted = check_listed(data[0], examples) if reference else []
            measured = list(examples) if all_parts else to_measure(examples)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        pipe = opened(settings)
        chosen = set(measured)
        try:
            found = write_report(
                pipe, measured, [item for item in examples if item not in chosen], out,
                title=", ".join(path.name for path in data),
                prevalences=prevalences,
                command=shlex.join(["lungct", *sys.argv[1:]]),
                settings=settings,
                all_parts=all_parts,
                unlisted=unlisted,
                progress=with_progress,
            )  # fmt: skip
        except SourceError as error:  # none could be judged
            raise typer.BadParameter(str(error)) from error
    figures = found["discrimination"]["answered"]
    auc = figure_in_words(figures["auc"]) or "not known"
    typer.echo(f"AUC {auc}, {figures['n']} of {found['failures']['inputs']} inputs answered. The page is {out}")
    leaks = [finding["text"] for finding in found["findings"] if finding["kind"] == "leak"]
    for text in leaks:
        errors.print(f"leak: {text}", style="red", markup=False)


def _read(data: list[Path], reference: Path | None) -> list[Example]:
    if reference:
        if len(data) != 1 or not data[0].is_dir():
            raise typer.BadParameter("--reference goes with one folder in --data; of several, give CSVs as --data")
        return read_table(reference, data[0])
    for path in data:
        if path.is_dir() and not any((path / name).is_dir() for name in (POSITIVE, NEGATIVE, *PARTS)):
            raise typer.BadParameter(f"{path} has no folders {POSITIVE} and {NEGATIVE}: give its labels by --reference")
    return [item for path in data for item in read_examples(path, subfolders=True)]


def require_report_extra() -> None:
    """Stop with the command that installs what is missing."""
    require("sklearn", "skimage", "scipy", "matplotlib", purpose="A report", extra="report")
