"""``lungct predict``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..classify import VolumeClassifier
from ..sources import SourceError
from ..weights import Engine, Modality, Precision
from .files import unique_stems, write_results, write_sheet
from .inputs import list_inputs, name_of
from .options import (
    EngineName,
    EngineOption,
    IntensityName,
    IntensityOption,
    MaskName,
    MasksOption,
    ModalityName,
    ModalityOption,
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

COLUMNS = (
    "source",
    "label",
    "probability",
    "interval_low",
    "interval_high",
    "prediction_set",
    "ood_score",
    "heatmap_in_lungs",
    "lung_fraction",
    "lung_volume_ml",
    "slices",
    "aggregation",
    "warnings",
    "error",
)


class ExplainName(StrEnum):
    """Where the heatmap comes from."""

    cam = "cam"
    occlusion = "occlusion"


def predict(
    paths: Sources,
    out: Annotated[
        Path | None, typer.Option(help="Folder for predictions.csv and, for each input, an overlay and a mask.")
    ] = None,
    masks: MasksOption = MaskName.auto,
    html: Annotated[
        bool, typer.Option("--html", help="Write a result sheet for each input too: a page that needs no other file.")
    ] = False,
    explain: Annotated[
        ExplainName,
        typer.Option(
            help="Where heatmaps come from. cam: the network's own map, at no cost. occlusion: the lungs hidden part "
            "by part, some 120 runs of the classifier a slice."
        ),
    ] = ExplainName.cam,
    error_level: Annotated[
        float,
        typer.Option(
            help="Share of errors that the column prediction_set may make, 0 to 1; measured on single slices."
        ),
    ] = 0.1,
    modality: ModalityOption = ModalityName.ct,
    volume_classifier: Annotated[
        Path | None,
        typer.Option(
            help="Card of a classifier of whole volumes, cnn3d-covid.json of lungct train volume; by default the mean "
            "over a volume's slices. It computes in f32 where --precision is int8.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    intensity: IntensityOption = IntensityName.auto,
    engine: EngineOption = EngineName.auto,
    precision: PrecisionOption = PrecisionName.f32,
    threads: ThreadsOption = None,
) -> None:
    """Find the lungs in each input and give the probability of COVID-19.

    In folders and archives DICOM files become series, each one input.
    Prints a table; an input that can't be read becomes a row with its error, and the rest go on.
    Ends with 0 when every input gave a result, 1 when some failed, 2 for wrong usage.

    Example: lungct predict examples/slices --out results --html
    """
    if html and not out:
        raise typer.BadParameter("--html needs a folder for the sheets: add --out FOLDER")
    sources = list_inputs(paths, modality=modality.value)
    stems = unique_stems([name_of(source) for source in sources])
    rows = []
    with plain_failures():
        if out:
            out.mkdir(parents=True, exist_ok=True)
        pipe = _open(modality.value, engine.value, precision.value, threads, error_level, volume_classifier)
        predictions = pipe.stream(sources, intensity=intensity_of(intensity), explain=explain.value)
        for prediction, stem in zip(with_progress(predictions, len(sources), "Predicting"), stems, strict=True):
            row = _row(prediction)
            if out and html:
                write_sheet(prediction, out, stem)
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
    if pipe.classifier.card.caution:
        errors.print(f"Caution: {pipe.classifier.card.caution}", style="yellow", markup=False)
    if out:
        typer.echo(f"Results are in {out}")
    finish(sum(row["error"] is not None for row in rows), len(rows))


def _open(
    modality: Modality,
    engine: Engine,
    precision: Precision,
    threads: int | None,
    error_level: float,
    volume_classifier: Path | None,
) -> Pipeline:
    precise: Precision = "f32" if precision == "int8" else precision
    whole = VolumeClassifier.from_card(volume_classifier, engine, precise, threads) if volume_classifier else None
    try:
        return Pipeline.from_pretrained(
            modality,
            engine=engine,
            precision=precision,
            threads=threads,
            error_level=error_level,
            volume_classifier=whole,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _row(prediction: Prediction) -> dict[str, Any]:
    low, high = prediction.interval or (None, None)
    return {
        "source": prediction.source,
        "label": prediction.label,
        "probability": _rounded(prediction.probability),
        "interval_low": _rounded(low),
        "interval_high": _rounded(high),
        "prediction_set": " or ".join(prediction.prediction_set),
        "ood_score": _rounded(prediction.ood_score),
        "heatmap_in_lungs": _rounded(prediction.heatmap_in_lungs),
        "lung_fraction": _rounded(prediction.lung_fraction),
        "lung_volume_ml": None if prediction.lung_volume_ml is None else round(prediction.lung_volume_ml),
        "slices": prediction.slices or None,
        "aggregation": prediction.aggregation,
        "warnings": " ".join(prediction.warnings),
        "error": prediction.error,
    }


def _with_interval(row: dict[str, Any]) -> str:
    if row["probability"] is None:
        return ""
    known = row["interval_low"] is not None
    return f"{row['probability']:.2f}" + (f" ({row['interval_low']:.2f}-{row['interval_high']:.2f})" if known else "")


def _print_table(rows: list[dict[str, Any]]) -> None:
    """Print file names and answers, and below them in full what went wrong."""
    table = Table(caption=DISCLAIMER)
    table.add_column("source", overflow="fold", min_width=16)
    for title in ("label", "probability", "lung, ml"):
        table.add_column(title, no_wrap=True)
    table.add_column("warnings", overflow="fold")
    for row in rows:
        label = "failed" if row["error"] else row["label"]
        values = (Path(row["source"]).name, label, _with_interval(row), row["lung_volume_ml"], row["warnings"])
        table.add_row(*("" if value is None else escape(str(value)) for value in values))
    Console().print(table)
    for row in rows:
        if row["error"]:
            errors.print(row["error"], style="red", markup=False)
