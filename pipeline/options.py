"""Options that several commands share, and how they end."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import Progress

from ..sources import Intensity
from ..weights import WeightsError

Item = TypeVar("Item")

Sources = Annotated[
    list[Path],
    typer.Argument(
        help="DICOM, NIfTI, NRRD, MHA, PNG, JPEG, TIFF or NPY files; folders or ZIP archives that hold them.",
        show_default=False,
    ),
]


class EngineName(StrEnum):
    """What runs the networks."""

    auto = "auto"
    openvino = "openvino"
    onnxruntime = "onnxruntime"


class PrecisionName(StrEnum):
    """What networks compute in."""

    f32 = "f32"
    bf16 = "bf16"
    int8 = "int8"


class IntensityName(StrEnum):
    """What pixel values mean."""

    auto = "auto"
    hu = "hu"
    display = "display"


class ModalityName(StrEnum):
    """What the inputs show."""

    ct = "ct"
    xray = "xray"


class MaskName(StrEnum):
    """How masks are written."""

    auto = "auto"
    png = "png"
    nifti = "nifti"
    seg = "seg"


MasksOption = Annotated[
    MaskName,
    typer.Option(
        help="png: a file a slice. nifti: on the input's own grid. seg: a DICOM segmentation, for DICOM input; "
        r"pip install 'lungct\[seg]'. auto: png for single slices, nifti for volumes."
    ),
]
EngineOption = Annotated[
    EngineName,
    typer.Option(help="What runs the networks. auto: openvino on processors with AVX-512, else onnxruntime."),
]
PrecisionOption = Annotated[
    PrecisionName,
    typer.Option(help="What they compute in. f32: as trained. bf16: openvino on processors that have it. int8."),
]
ThreadsOption = Annotated[int | None, typer.Option(min=1, help="Processor threads; by default all it may use.")]
IntensityOption = Annotated[
    IntensityName,
    typer.Option(help="What pixel values mean: Hounsfield units, grey of a screen, or guess from each file."),
]

ModalityOption = Annotated[
    ModalityName,
    typer.Option(help="What the inputs show: axial CT, or frontal chest X-rays (read docs/xray.md first)."),
]

errors = Console(stderr=True)
"""Where progress and failures go, so that tables can be piped."""


def intensity_of(name: IntensityName) -> Intensity | None:
    """Return what the reader takes: None for a guess."""
    return None if name is IntensityName.auto else "hu" if name is IntensityName.hu else "display"


def optional_paths(given: Sequence[str] | None, count: int) -> list[Path | None] | None:
    """Return one path for each of `count` folders, None for '-' or where the option is absent; None if not as many."""
    names = given or ["-"] * count
    return [None if name == "-" else Path(name) for name in names] if len(names) == count else None


def require_train_extra() -> None:
    """Stop with the command that installs what training needs, where it is missing."""
    needed = ("tensorflow", "focal_loss", "segmentation_models", "albumentations")
    missing = [name for name in needed if not importlib.util.find_spec(name)]
    if missing:
        raise typer.BadParameter(f"this needs {', '.join(missing)}. Run: pip install 'lungct[train]'")


def with_progress(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Yield items while a bar with count and time left moves on a terminal; nothing is drawn elsewhere."""
    with Progress(*Progress.get_default_columns(), console=errors, disable=not errors.is_terminal) as progress:
        yield from progress.track(items, total=total, description=what)


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> None:
    """Write rows; None becomes an empty cell."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=columns)
        writer.writeheader()
        writer.writerows(rows)


@contextmanager
def plain_failures() -> Iterator[None]:
    """Turn what stops a whole command, a full disk or changed weights, into one line and exit code 1."""
    try:
        yield
    except (WeightsError, OSError) as error:
        errors.print(f"lungct: {error}", style="red", markup=False)
        raise typer.Exit(1) from error


def finish(failed: int, total: int) -> None:
    """End the command: 0 when every input gave a result, 1 when some failed."""
    if failed:
        errors.print(f"{failed} of {total} inputs failed.", style="red")
        raise typer.Exit(1)
