"""``lungct predict``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ...common.progress import with_progress
from ...common.text import printable, write_csv
from ...sources import SourceError
from ..batch.inputs import list_inputs, name_of
from ..decision import warnings_of_labels
from ..prediction import Prediction
from ..results.data import MaskFormat
from ..results.files import require_masks, unique_stems, write_results, write_sheet
from ..results.lungs import volume_in_words
from ..results.row import FINDINGS, row_of
from ..results.wording import DISCLAIMER, answer_in_words, infected_in_words
from ..settings import PipelineSettings
from .options import (
    INFECTION_HELP,
    MASKS_HELP,
    LabelsOption,
    Sources,
    errors,
    finish,
    opened,
    plain_failures,
    say_left_out,
    takes_pipeline,
)

COLUMNS = ("source", *FINDINGS, "error")

SET_JOINT = " or "
"""Between the labels of a prediction set in ``predictions.csv``."""

NARROW = 100
"""Columns of a terminal below which the table's columns get the width of their longest words."""

LONGEST_WORDS = {"label": "indeterminate", "probability": "(0.01-0.99)", "infected": "infected", "lung, ml": "at least"}
"""Columns of the printed table that wrap between words only, with the longest word of each."""


@takes_pipeline
def predict(
    paths: Sources,
    out: Annotated[
        Path | None, typer.Option(help="Folder for predictions.csv and an overlay and masks for each input.")
    ] = None,
    masks: Annotated[MaskFormat, typer.Option(help=MASKS_HELP + INFECTION_HELP)] = "auto",
    labels: LabelsOption = False,
    html: Annotated[
        bool, typer.Option("--html", help="Also write a result sheet for each input, a self-contained HTML page.")
    ] = False,
    *,
    settings: PipelineSettings,
) -> None:
    """Find the lungs in each input and estimate the probability of COVID-19.

    DICOM files in folders and archives are grouped into series, each of them one input.
    Prints a table; an input that can't be read gives a row with its error, and the others are still processed.
    Exit code 0 if every input gave a result, 1 if some failed, 2 for wrong usage.

    Example: lungct predict examples/slices --out results --html
    """
    if html and not out:
        raise typer.BadParameter("--html needs a folder for the sheets: add --out FOLDER")
    require_masks(masks)
    left_out: Counter[str] = Counter()
    sources = list_inputs(paths, modality=settings.modality, left_out=left_out, outside=out)
    say_left_out(left_out)
    stems = unique_stems([name_of(source) for source in sources])
    rows = []
    with plain_failures():
        if out:
            out.mkdir(parents=True, exist_ok=True)
        pipe = opened(settings)
        predictions = pipe.stream(sources, **settings.of_predict)
        for prediction, stem in zip(with_progress(predictions, "Predicting", len(sources)), stems, strict=True):
            rows.append(
                _row(prediction, labels=labels)
                | (_write(prediction, out, stem, masks, html=html, labels=labels) if out else {})
            )
            del prediction  # free a volume's pixels before the next is read
        if out:
            write_csv(out / "predictions.csv", COLUMNS, rows)
    _print_table(rows)
    alone = sum("part-of-series" in row["warnings"].split() for row in rows)
    if alone:
        errors.print(
            f"Slices of a series given one by one: {alone}. Give their folder to get one answer about the scan."
        )
    if pipe.classifier.card.caution:
        errors.print(f"Caution: {pipe.classifier.card.caution}", style="yellow", markup=False)
    if out:
        typer.echo(f"Results are in {out}")
    finish(sum(row["error"] is not None for row in rows), len(rows))


def _write(
    prediction: Prediction, out: Path, stem: str, masks: MaskFormat, *, html: bool, labels: bool
) -> dict[str, str]:
    """Write the files of one input; return the error of one that can't have a mask of that format."""
    if html:
        write_sheet(prediction, out, stem)
    try:
        write_results(prediction, out, stem, masks, labels=labels)
    except SourceError as error:
        return {"error": str(error)}
    return {}


def _row(prediction: Prediction, *, labels: bool) -> dict[str, Any]:
    """Return the row for ``predictions.csv``, with rounded numbers and lists as text."""
    found = {name: _cell(value) for name, value in row_of(prediction).items()}
    volume = prediction.lung_volume_ml
    of_labels = warnings_of_labels(prediction.scan) if labels and prediction.scan is not None else ()
    return {
        "source": prediction.source,
        **found,
        "prediction_set": SET_JOINT.join(prediction.prediction_set),
        "lung_volume_ml": None if volume is None else round(volume),
        "warnings": " ".join(prediction.warnings + of_labels),
        "slices": prediction.slices or None,
        "error": prediction.error,
    }


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return " ".join(value)
    return round(value, 4) if isinstance(value, float) else value


def _with_interval(row: dict[str, Any]) -> str:
    if row["probability"] is None:
        return ""
    known = row["interval_low"] is not None
    return f"{row['probability']:.2f}" + (f" ({row['interval_low']:.2f}-{row['interval_high']:.2f})" if known else "")


def _volume(row: dict[str, Any]) -> str:
    if row["lung_volume_ml"] is None:
        return ""
    return volume_in_words(row["lung_volume_ml"], tuple(row["warnings"].split())).removesuffix(" ml")


def _print_table(rows: list[dict[str, Any]]) -> None:
    """Print file names and answers, and below them, never wrapped, the warnings and the full errors."""
    console, table = Console(), Table(caption=DISCLAIMER)
    narrow = console.width < NARROW
    table.add_column("source", overflow="fold")
    for title, widest in LONGEST_WORDS.items():
        # With a least width, Rich makes tables wider than a narrow terminal, which then cuts them off.
        table.add_column(title, width=len(widest) if narrow else None)
    for row in rows:
        values = (
            printable(Path(row["source"]).name),
            "failed" if row["error"] else answer_in_words(row["label"], row["prediction_set"].split(SET_JOINT)),
            _with_interval(row),
            "" if row["infected_fraction"] is None else infected_in_words(row["infected_fraction"]),
            _volume(row),
        )
        table.add_row(*map(escape, values))
    console.print(table)
    for row in rows:
        if row["warnings"]:
            typer.echo(f"{printable(Path(row['source']).name)}: {row['warnings']}")
    for row in rows:
        if row["error"]:
            errors.print(row["error"], style="red", markup=False)
