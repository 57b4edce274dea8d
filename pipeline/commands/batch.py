"""``lungct batch``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ..batch.progress import Progress
from ..batch.run import PREDICTIONS, Workers, run_batch
from ..batch.settings import BatchSettings
from ..results.data import MaskFormat
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
from .options import INFECTION_HELP, MASKS_HELP, PIPELINE_OPTIONS, LabelsOption, errors
from .settings_options import takes

BATCH_OPTIONS = {
    "masks": Annotated[
        Literal["none", MaskFormat], typer.Option(help=f"Write lung masks. {MASKS_HELP}{INFECTION_HELP}")
    ],
    "rois": Annotated[bool, typer.Option("--rois", help="Write regions of interest (inputs times masks).")],
    "overlays": Annotated[
        bool, typer.Option("--overlays", help="Write pictures with the lung outline and the heatmap.")
    ],
    "html": Annotated[bool, typer.Option("--html", help="Write result sheets: self-contained HTML pages.")],
    "labels": LabelsOption,
    **PIPELINE_OPTIONS,
}


@takes(BatchSettings(), BATCH_OPTIONS)
def batch(
    inputs: Inputs,
    out: Annotated[Path, typer.Option(help="Folder for predictions/*.parquet, files/ and run.json.")],
    path_column: PathColumnOption = None,
    shard: ShardOption = "1/1",
    ray: Annotated[
        str | None,
        typer.Option(
            help="Run on a Ray cluster: its address, auto for this machine's cluster, or local for a temporary one "
            r"for this run. Needs the extra \[ray]."
        ),
    ] = None,
    redo: RedoOption = False,
    retry_failed: RetryOption = False,
    json_logs: JsonLogsOption = False,
    *,
    settings: BatchSettings,
) -> None:
    r"""Predict any number of inputs into a folder; run the same command again to resume after an interruption.

    It can be killed at any time: the same command resumes it, and no input gets two rows.
    A folder with results of other settings or weights is refused.
    Every input is a row in predictions/*.parquet: source, label, probability, lung_fraction, warnings, error, files,
    checksum, times, and the other columns of its input table.
    Needs the extra \[batch]. Exit codes as for predict.

    Example: lungct batch scans/ table.csv 's3://bucket/*.nii.gz' --out results --masks png
    """
    with stoppable(redo=redo):
        counts = run_batch(
            inputs,
            out,
            settings,
            shard=parse_shard(shard),
            path_column=path_column,
            redo=redo,
            retry_failed=retry_failed,
            workers=_on_ray(ray) if ray else None,
            progress=Progress(errors, "Predicting", as_json=json_logs),
        )
    finish_batch(counts, out / PREDICTIONS)


def _on_ray(address: str) -> Workers:
    from ..cluster import on_ray  # slow to import, and only needed with --ray

    return on_ray(address)
