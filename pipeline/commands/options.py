"""Options shared by several commands, and how commands end."""

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
from ...sources.errors import InstallationError
from ...sources.foreign.names import counted
from ...sources.formats import KNOWN
from ...weights import Engine, Precision, WeightsError
from ..pipeline import Pipeline
from ..settings import PipelineSettings, SegmenterSettings
from .settings_options import takes

Item = TypeVar("Item")


def named_path(text: str | Path) -> Path:
    """Return a path given on the command line; an empty one would be the current folder."""
    if not str(text).strip():
        raise typer.BadParameter("the path is empty: check the variable that it comes from")
    return Path(text)


Sources = Annotated[
    list[Path],
    typer.Argument(
        parser=named_path,
        metavar="PATHS...",
        help=f"Files ({KNOWN}), or folders or ZIP archives that contain them.",
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
            help="What pixel values mean: Hounsfield units (hu), display grey (display), or auto: decided per file.",
            callback=lambda value: None if value == "auto" else value,
            show_default="auto",
        ),
    ],
    "segmenter": Annotated[
        Path | None,
        typer.Option(
            help="Card (.json) of your own lung segmenter, from lungct train lungseg.",
            exists=True,
            dir_okay=False,
            show_default="the shipped one",
        ),
    ],
    "engine": Annotated[
        Engine,
        typer.Option(help="Inference engine. auto: onnxruntime, or for bf16 openvino (optional)."),
    ],
    "precision": Annotated[
        Precision,
        typer.Option(
            help="Numeric precision. f32: as trained. bf16: openvino, on CPUs that support it. int8: quantised."
        ),
    ],
    "threads": Annotated[int | None, typer.Option(min=1, help="Processor threads.", show_default="all available")],
}
"""Options of commands that find lungs, one for each field of `SegmenterSettings`."""

PIPELINE_OPTIONS: Mapping[str, Any] = {
    **SEGMENTER_OPTIONS,
    "classifier": Annotated[
        Path | None,
        typer.Option(
            help="Card (.json) of your own classifier, from lungct train classify.",
            exists=True,
            dir_okay=False,
            show_default="the shipped one",
        ),
    ],
    "volume_classifier": Annotated[
        Path | None,
        typer.Option(
            help="Card of your own volume classifier, cnn3d-covid.json from lungct train volume. With --precision int8 "
            "it computes in f32.",
            exists=True,
            dir_okay=False,
            show_default="none: the mean over a volume's slices",
        ),
    ],
    "error_level": Annotated[
        float,
        typer.Option(help="Error level of prediction sets, 0 to 1; calibrated on single slices."),
    ],
    "explain": Annotated[
        Explain,
        typer.Option(
            help="What heatmaps show. lesions: where the network sees infection; for X-rays, cam is drawn instead. "
            "cam: the class activation map, where the answer comes from, at no extra cost. occlusion: how the answer "
            "changes when the lungs are hidden part by part, about 120 runs of the classifier per slice."
        ),
    ],
}
"""Options of commands that predict, one for each field of `PipelineSettings`."""

MASKS_HELP = (
    "png: one file per slice. nifti: on the input's own grid. seg: a DICOM segmentation, for DICOM input; "
    r"needs the extra \[seg]. auto: png for single slices, nifti for volumes."
)

INFECTION_HELP = " If the network maps infection, its mask is written as well: NAME-infection, or a segment of the SEG."

LabelsOption = Annotated[
    bool, typer.Option("--labels", help="Write masks as labels: 1 for the patient's right lung, 2 for the left.")
]

takes_segmenter = takes(SegmenterSettings(), SEGMENTER_OPTIONS)
takes_pipeline = takes(PipelineSettings(), PIPELINE_OPTIONS)

errors = Console(stderr=True)
"""Console for progress and errors, on standard error, so that tables can be piped."""


def opened(settings: PipelineSettings, callers: int = 1) -> Pipeline:
    """Open the networks; incompatible stages or an unsupported precision count as wrong usage."""
    try:
        return settings.open(callers)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def opened_segmenter(settings: SegmenterSettings) -> LungSegmenter:
    """Open the first stage like `opened`."""
    try:
        return settings.open_segmenter()
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def optional_paths(given: Sequence[str] | None, count: int) -> list[Path | None] | None:
    """Return `count` paths, None for '-' or if the option is absent; return None if the number is wrong."""
    names = given or ["-"] * count
    return [None if name == "-" else Path(name) for name in names] if len(names) == count else None


def require_train_extra() -> None:
    """Stop if a package for training is missing, naming the command that installs it."""
    needed = ("tensorflow", "focal_loss", "segmentation_models", "albumentations", "scipy")
    require(*needed, purpose="Training", extra="train")


@contextmanager
def plain_failures() -> Iterator[None]:
    """Turn errors that stop a command, such as a full disk or modified weights, into one line and exit code 1."""
    try:
        yield
    except (WeightsError, InstallationError, OSError) as error:
        errors.print(f"lungct: {error}", style="red", markup=False)
        raise typer.Exit(1) from error


def say_left_out(kinds: Mapping[str, int]) -> None:
    """Print how many files of each kind in the given folders were not taken as inputs."""
    count = sum(kinds.values())
    if count:
        errors.print(f"{count} {'file' if count == 1 else 'files'} left out: {counted(kinds)}", markup=False)


def finish(failed: int, total: int) -> None:
    """End the command with exit code 0 if every input gave a result, 1 if some failed."""
    if failed:
        errors.print(f"{failed} of {total} inputs failed.", style="red")
        raise typer.Exit(1)
