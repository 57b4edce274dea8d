"""``lungct batch``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .batch import Output, run_batch
from .batch_options import (
    Inputs,
    JsonLogsOption,
    PathColumnOption,
    RedoOption,
    RetryOption,
    ShardOption,
    finish_batch,
    parse_shard,
    stoppable,
)
from .options import (
    EngineName,
    EngineOption,
    IntensityName,
    IntensityOption,
    MaskName,
    ModalityName,
    ModalityOption,
    PrecisionName,
    PrecisionOption,
    ThreadsOption,
    errors,
    intensity_of,
)
from .progress import Progress


def batch(
    inputs: Inputs,
    out: Annotated[Path, typer.Option(help="Folder for predictions/*.parquet, files/ and run.json.")],
    masks: Annotated[
        MaskName | None, typer.Option(help="Write lung masks, as predict does.", show_default="none")
    ] = None,
    rois: Annotated[bool, typer.Option("--rois", help="Write regions of interest: inputs times masks.")] = False,
    overlays: Annotated[bool, typer.Option("--overlays", help="Write pictures with outline and heatmap.")] = False,
    modality: ModalityOption = ModalityName.ct,
    intensity: IntensityOption = IntensityName.auto,
    engine: EngineOption = EngineName.auto,
    precision: PrecisionOption = PrecisionName.f32,
    threads: ThreadsOption = None,
    path_column: PathColumnOption = None,
    shard: ShardOption = "1/1",
    ray: Annotated[
        str | None,
        typer.Option(
            help="Work on a Ray cluster: its address, auto for the one this machine belongs to, or local for one made "
            r"for this run. pip install 'lungct\[ray]'."
        ),
    ] = None,
    redo: RedoOption = False,
    retry_failed: RetryOption = False,
    json_logs: JsonLogsOption = False,
) -> None:
    r"""Predict any number of inputs into a folder; run it again to go on after an interruption.

    Kill it anywhere: the same command finishes what is missing, and no input gets two rows.
    Results of other settings or weights are noticed and refused.
    Every input is a row of predictions/*.parquet: source, label, probability, lung_fraction, warnings, error, files,
    checksum, times, and the other columns of the table that named it.
    Needs pip install 'lungct\[batch]'. Exit codes as for predict.

    Example: lungct batch scans/ table.csv 's3://bucket/*.nii.gz' --out results --masks png
    """
    with stoppable(redo=redo):
        counts = run_batch(
            inputs,
            out,
            output=Output("none" if masks is None else masks.value, rois, overlays),
            modality=modality.value,
            intensity=intensity_of(intensity),
            engine=engine.value,
            precision=precision.value,
            threads=threads,
            shard=parse_shard(shard),
            path_column=path_column,
            redo=redo,
            retry_failed=retry_failed,
            ray=ray,
            progress=Progress(errors, "Predicting", as_json=json_logs),
        )
    finish_batch(counts, out / "predictions")
