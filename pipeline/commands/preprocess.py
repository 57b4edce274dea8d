"""``lungct preprocess``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...classify.data.perceptual import NEAR
from ..batch.progress import Progress
from ..preprocess.groups import Grouping, Split
from ..preprocess.job import SLICES, run_preprocess
from ..preprocess.manifest import MANIFEST, summary_of
from ..preprocess.settings import PreprocessSettings, Show
from ..preprocess.slice_files import SliceFormat
from ..settings import SegmenterSettings
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
from .options import SEGMENTER_OPTIONS, errors
from .settings_options import takes

SLICE_OPTIONS = {
    "size": Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Side of the square slices in pixels; 0 keeps the crop's own size.",
            callback=lambda side: side or None,
        ),
    ],
    "region": Annotated[
        Show,
        typer.Option(help="masked: the lungs on black. crop: the lungs' box with everything in it. whole: the slice."),
    ],
    "window": Annotated[
        tuple[float, float], typer.Option(help="HU shown as black and white; pictures keep their own window.")
    ],
    "stretch": Annotated[
        bool,
        typer.Option(help="Stretch values between the lung's 1st and 99th percentile, so that windows matter less."),
    ],
    "format": Annotated[
        SliceFormat,
        typer.Option(help="png: uint8. png16: uint16. npy16, npy32: 0 to 1, float16 or 32. tiff: 0 to 1, float32."),
    ],
    "min_lung": Annotated[
        float, typer.Option(min=0, max=1, help="Leave out slices with a smaller share of lung than this, such as 0.02.")
    ],
    "every": Annotated[int, typer.Option(min=1, help="Keep only every n-th slice of a scan.")],
}
"""One option for each field of `PreprocessSettings`."""


@takes(PreprocessSettings(), SLICE_OPTIONS)
@takes(SegmenterSettings(), SEGMENTER_OPTIONS, "lungs")
def preprocess(
    inputs: Inputs,
    out: Annotated[Path, typer.Option(help="Folder for images/, manifest.parquet, manifest.csv and run.json.")],
    groups: Annotated[
        bool,
        typer.Option("--groups", help="Add a column group: near-duplicates and slices of one input belong together."),
    ] = False,
    group_by: Annotated[
        list[str] | None,
        typer.Option(
            help="Also group rows with the same value in this table column, such as patient. May be repeated."
        ),
    ] = None,
    near: Annotated[
        int,
        typer.Option(
            min=-1, max=64, help="Largest number of differing hash bits, of 256, for near-duplicates; -1 disables this."
        ),
    ] = NEAR,
    split: Annotated[
        str | None,
        typer.Option(help="Add a column split, by group: shares of train, val and test, such as 0.8,0.1,0.1."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the split.")] = 0,
    path_column: PathColumnOption = None,
    shard: ShardOption = "1/1",
    redo: RedoOption = False,
    retry_failed: RetryOption = False,
    json_logs: JsonLogsOption = False,
    *,
    settings: PreprocessSettings,
    lungs: SegmenterSettings,
) -> None:
    r"""Write normalised, masked, lung-cropped slices with a manifest, ready for training other models.

    Every slice is a row in manifest.parquet and manifest.csv: source, file, slice_index, lung_fraction, its box in the
    scan's slice, warnings, error, hash, checksum, and the other columns of its input table.
    No group is in two parts of a split: name the patient column with --group-by if there is one.
    It can be killed at any time and resumed by the same command. Groups and splits may change between runs: if all
    slices are cut, only the manifest is rewritten. After --shard runs, run it once without --shard.
    Needs the extra \[batch]. Exit codes as for predict.

    Example: lungct preprocess scans.csv --out slices --min-lung 0.02 --group-by patient --split 0.8,0.1,0.1
    """
    part = parse_shard(shard)
    try:
        parts = None if split is None else Split(_shares(split), seed)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    wanted = groups or group_by or parts is not None
    with stoppable(redo=redo):
        counts = run_preprocess(
            inputs,
            out,
            settings=settings,
            lungs=lungs,
            grouping=Grouping(tuple(group_by or ()), None if near < 0 else near, parts) if wanted else None,
            shard=part,
            path_column=path_column,
            redo=redo,
            retry_failed=retry_failed,
            progress=Progress(errors, "Preprocessing", as_json=json_logs),
        )
    if part == (1, 1):
        typer.echo(f"{summary_of(out)}. Manifest: {out / MANIFEST[0]}")
    else:
        typer.echo(f"Shard {shard}. When all are done, the same command without --shard writes the manifest.")
    finish_batch(counts, out / SLICES)


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(share) for share in text.split(","))
    except ValueError:
        raise ValueError(f"--split must be shares of train, val and test such as 0.8,0.1,0.1, not {text!r}") from None
