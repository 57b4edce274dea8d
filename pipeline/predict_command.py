"""``lungct predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..sources import SourceError
from .files import unique_stems, write_results
from .inputs import list_inputs, name_of
from .options import (
    EngineName,
    EngineOption,
    IntensityName,
    IntensityOption,
    MaskName,
    MasksOption,
    PrecisionName,
    PrecisionOption,
    Sources,
    ThreadsOption,
    errors,
    finish,
    intensity_of,
    plain_failures,
    with_progress,
    write_csv,
)
from .pipeline import Pipeline
from .prediction import DISCLAIMER, Prediction

COLUMNS = ("source", "label", "probability", "lung_fraction", "lung_volume_ml", "slices", "warnings", "error")


def predict(
    paths: Sources,
    out: Annotated[
        Path | None, typer.Option(help="Folder for predictions.csv and, for each input, an overlay and a mask.")
    ] = None,
    masks: MasksOption = MaskName.auto,
    intensity: IntensityOption = IntensityName.auto,
    engine: EngineOption = EngineName.auto,
    precision: PrecisionOption = PrecisionName.f32,
    threads: ThreadsOption = None,
) -> None:
    """Find the lungs in each input and give the probability of COVID-19.

    In folders and archives DICOM files become series, each one input.
    Prints a table; an input that can't be read becomes a row with its error, and the rest go on.
    Ends with 0 when every input gave a result, 1 when some failed, 2 for wrong usage.

    Example: lungct predict examples/slices --out results
    """
    sources = list_inputs(paths)
    stems = unique_stems([name_of(source) for source in sources])
    rows = []
    with plain_failures():
        if out:
            out.mkdir(parents=True, exist_ok=True)
        pipe = Pipeline.from_pretrained(engine=engine.value, precision=precision.value, threads=threads)
        predictions = pipe.stream(sources, intensity=intensity_of(intensity))
        for prediction, stem in zip(with_progress(predictions, len(sources), "Predicting"), stems, strict=True):
            row = _row(prediction)
            if out:
                try:
                    write_results(prediction, out, stem, masks.value)
                except SourceError as error:
                    row["error"] = str(error)
            rows.append(row)
            del prediction  # a volume's pixels need not wait for the next to be read
        if out:
            write_csv(out / "predictions.csv", COLUMNS, rows)
    _print_table(rows)
    if out:
        typer.echo(f"Results are in {out}")
    finish(sum(row["error"] is not None for row in rows), len(rows))


def _row(prediction: Prediction) -> dict[str, Any]:
    return {
        "source": prediction.source,
        "label": prediction.label,
        "probability": None if prediction.probability is None else round(prediction.probability, 4),
        "lung_fraction": None if prediction.lung_fraction is None else round(prediction.lung_fraction, 4),
        "lung_volume_ml": None if prediction.lung_volume_ml is None else round(prediction.lung_volume_ml),
        "slices": prediction.slices or None,
        "warnings": " ".join(prediction.warnings),
        "error": prediction.error,
    }


def _print_table(rows: list[dict[str, Any]]) -> None:
    """Print file names and answers, and below them in full what went wrong."""
    table = Table(caption=DISCLAIMER)
    table.add_column("source", overflow="fold")
    for title in ("label", "probability", "lung", "lung, ml", "warnings"):
        table.add_column(title, no_wrap=title != "warnings")
    for row in rows:
        label = "failed" if row["error"] else row["label"]
        figures = (row[column] for column in ("probability", "lung_fraction", "lung_volume_ml", "warnings"))
        values = (Path(row["source"]).name, label, *figures)
        table.add_row(*("" if value is None else escape(str(value)) for value in values))
    Console().print(table)
    for row in rows:
        if row["error"]:
            errors.print(row["error"], style="red", markup=False)
