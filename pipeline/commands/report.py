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
    bool, typer.Option("--all-parts", help="Also measure training parts; such results say nothing about new patients.")
]


@takes_pipeline
def report(
    data: Annotated[
        list[Path],
        typer.Option(
            help="Folder with COVID/ and NonCOVID/, or with train/, val/ and test/ that contain them, in which each "
            "file or folder is a scan; any folder with --reference; or a CSV as for --reference. May be repeated.",
            exists=True,
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="The page, such as report.html; report.json is written to the same folder.")
    ],
    reference: Annotated[
        Path | None,
        typer.Option(
            help="CSV with columns path (relative to --data or to the CSV), label (COVID or NonCOVID, 1 or 0), and "
            "optionally patient, source, split, paper; all other columns define subgroups.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    prevalence: Annotated[
        list[float] | None,
        typer.Option(
            min=0.0001,
            max=0.9999,
            help="Prevalence of COVID for predictive values. May be repeated. By default 0.05 and 0.2.",
        ),
    ] = None,
    all_parts: AllPartsOption = False,
    *,
    settings: PipelineSettings,
) -> None:
    """Measure the pipeline on your own labelled data, and write a report as one HTML page.

    Measures each source's test part, or its val part, or all if it has no parts. The report starts with doubts about
    the results: patients, papers or near-duplicate pictures in several parts, failures, shortcuts. Then follow cohort,
    discrimination, calibration, thresholds, leave-one-source-out, subgroups, refusal, example pictures, provenance and
    the CLAIM checklist.

    Example: lungct report --data covid-ct --out report.html
    """
    require_report_extra()
    from ...classify.evaluation.thresholds import distinct
    from ..report.report import PREVALENCES, check_listed, write_report

    if out.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter(f"--out must name an HTML page, such as {out / 'report.html'}")
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
        except SourceError as error:  # no input could be predicted
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
            raise typer.BadParameter("--reference needs exactly one folder in --data; for several, give CSVs as --data")
        return read_table(reference, data[0])
    for path in data:
        if path.is_dir() and not any((path / name).is_dir() for name in (POSITIVE, NEGATIVE, *PARTS)):
            raise typer.BadParameter(
                f"{path} has no folders {POSITIVE} and {NEGATIVE}: give its labels with --reference"
            )
    return [item for path in data for item in read_examples(path, subfolders=True)]


def require_report_extra() -> None:
    """Stop if a package is missing, naming the command that installs it."""
    require("sklearn", "skimage", "scipy", "matplotlib", purpose="A report", extra="report")
