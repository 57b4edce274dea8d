"""Options that several commands share, and how they end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer
from rich.console import Console

from ...classify import Explain
from ...common.modality import Modality
from ...common.optional import require
from ...lungseg import LungSegmenter
from ...sources import Intensity
from ...sources.cell import CellError
from ...sources.formats import KNOWN
from ...weights import Engine, Precision, WeightsError
from ..pipeline import Pipeline
from ..settings import PipelineSettings, SegmenterSettings
from .settings_options import takes

Item = TypeVar("Item")

Sources = Annotated[
    list[Path],
    typer.Argument(
        help=f"Files ({KNOWN}); folders or ZIP archives that hold them.",
        show_default=False,
    ),
]


SEGMENTER_OPTIONS: Mapping[str, Any] = {
    "modality": Annotated[
        Modality,
        typer.Option(help="What the inputs show: axial CT, or frontal chest X-rays (read docs/xray.md first)."),
    ],
    "intensity": Annotated[
        Literal["auto", Intensity] | None,
        typer.Option(
            help="What pixel values mean: Hounsfield units, grey of a screen, or auto: told from each file.",
            callback=lambda value: None if value == "auto" else value,
            show_default="auto",
        ),
    ],
    "segmenter": Annotated[
        Path | None,
        typer.Option(
            help="Card of a lung segmenter of your own (.json), of lungct train lungseg.",
            exists=True,
            dir_okay=False,
            show_default="the shipped one",
        ),
    ],
    "engine": Annotated[
        Engine,
        typer.Option(help="What runs the networks. auto: onnxruntime, for bf16 openvino (an extra)."),
    ],
    "precision": Annotated[
        Precision,
        typer.Option(help="What they compute in. f32: as trained. bf16: openvino on processors that have it. int8."),
    ],
    "threads": Annotated[
        int | None, typer.Option(min=1, help="Processor threads.", show_default="all that it may use")
    ],
}
"""Options of commands that find lungs: a field of `SegmenterSettings` each."""

PIPELINE_OPTIONS: Mapping[str, Any] = {
    **SEGMENTER_OPTIONS,
    "classifier": Annotated[
        Path | None,
        typer.Option(
            help="Card of a classifier of your own (.json), of lungct train classify.",
            exists=True,
            dir_okay=False,
            show_default="the shipped one",
        ),
    ],
    "volume_classifier": Annotated[
        Path | None,
        typer.Option(
            help="Card of a classifier of whole volumes, cnn3d-covid.json of lungct train volume. It computes in f32 "
            "where --precision is int8.",
            exists=True,
            dir_okay=False,
            show_default="the mean over a volume's slices",
        ),
    ],
    "error_level": Annotated[
        float,
        typer.Option(help="Share of errors that prediction sets may make, 0 to 1; measured on single slices."),
    ],
    "explain": Annotated[
        Explain,
        typer.Option(
            help="Where heatmaps come from. cam: the network's own map, at no cost. occlusion: the lungs hidden part "
            "by part, some 120 runs of the classifier a slice."
        ),
    ],
}
"""Options of commands that judge: a field of `PipelineSettings` each."""

MASKS_HELP = (
    "png: a file a slice. nifti: on the input's own grid. seg: a DICOM segmentation, for DICOM input; "
    r"the extra \[seg]. auto: png for single slices, nifti for volumes."
)

takes_segmenter = takes(SegmenterSettings(), SEGMENTER_OPTIONS)
takes_pipeline = takes(PipelineSettings(), PIPELINE_OPTIONS)

errors = Console(stderr=True)
"""Where progress and failures go, so that tables can be piped."""


def opened(settings: PipelineSettings, callers: int = 1) -> Pipeline:
    """Open the networks; stages that don't go together, or an engine without the precision, are wrong usage."""
    try:
        return settings.open(callers)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def opened_segmenter(settings: SegmenterSettings) -> LungSegmenter:
    """Open the first stage as `opened` does."""
    try:
        return settings.open_segmenter()
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def optional_paths(given: Sequence[str] | None, count: int) -> list[Path | None] | None:
    """Return one path for each of `count` folders, None for '-' or where the option is absent; None if not as many."""
    names = given or ["-"] * count
    return [None if name == "-" else Path(name) for name in names] if len(names) == count else None


def require_train_extra() -> None:
    """Stop with the command that installs what training needs, where it is missing."""
    needed = ("tensorflow", "focal_loss", "segmentation_models", "albumentations", "scipy")
    require(*needed, purpose="Training", extra="train")


@contextmanager
def plain_failures() -> Iterator[None]:
    """Turn what stops a whole command, a full disk, changed weights, or no decoder, into one line and exit code 1."""
    try:
        yield
    except (WeightsError, CellError, OSError) as error:
        errors.print(f"lungct: {error}", style="red", markup=False)
        raise typer.Exit(1) from error


def finish(failed: int, total: int) -> None:
    """End the command: 0 when every input gave a result, 1 when some failed."""
    if failed:
        errors.print(f"{failed} of {total} inputs failed.", style="red")
        raise typer.Exit(1)
