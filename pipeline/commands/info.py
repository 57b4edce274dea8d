"""``lungct info``: list the scans in files and folders, and how they are read."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ...common.modality import Modality
from ...common.progress import with_progress
from ...sources import DicomSeries, Found, Intensity, Scan, SourceError, find_sources, read_scan
from ...sources.files import SourceFile
from ..batch.inputs import ARCHIVES
from ..settings import SegmenterSettings
from .environment import environment
from .options import SEGMENTER_OPTIONS, Sources, errors, plain_failures, say_left_out
from .settings_options import takes

READING_OPTIONS = {name: SEGMENTER_OPTIONS[name] for name in ("modality", "intensity")}


def _print_environment(wanted: bool) -> None:
    if wanted:
        for name, words in environment().items():
            typer.echo(f"{name}: {words}")
        raise typer.Exit


@takes(SegmenterSettings(), READING_OPTIONS)
def info(
    paths: Sources,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    _env: Annotated[
        bool,
        typer.Option(
            "--env",
            callback=_print_environment,
            is_eager=True,
            help="Print versions, processor, engines and weights for a bug report, and stop: needs no PATH.",
        ),
    ] = False,
    *,
    settings: SegmenterSettings,
) -> None:
    """List the scans in files, folders and archives, how each is read, and why others are refused.

    Scans are read but not predicted. Exit code 0 if everything could be read, 1 if something was refused.

    Example: lungct info study/ --json
    """
    found = [_look_into(path, settings.modality) for path in paths]
    sources = [source for one in found for source in one.sources]
    with plain_failures():
        rows = [_describe(source, settings.intensity) for source in with_progress(sources, "Reading")]
    rows += [_refused(error) for one in found for error in one.refused]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        _print(rows)
    say_left_out(sum((Counter(one.others) for one in found), Counter[str]()))
    if any(row["refused"] for row in rows):
        raise typer.Exit(1)


def _look_into(path: Path, modality: Modality) -> Found:
    if not path.is_dir() and path.suffix.lower() not in ARCHIVES:
        return Found([path], [])
    try:
        found = find_sources(path, modality=modality)
    except SourceError as error:
        return Found([], [error])
    return found if found.sources or found.refused else Found([path], [], found.others)


def _refused(error: SourceError) -> dict[str, Any]:
    return {"source": error.source, "refused": f"{error.problem}. {error.remedy}."}


def _describe(source: Path | DicomSeries | SourceFile, intensity: Intensity | None) -> dict[str, Any]:
    try:
        scan = read_scan(source, intensity=intensity)
    except SourceError as error:
        return _refused(error)
    return {
        "source": str(source),
        "refused": None,
        "format": scan.metadata.get("format"),
        "slices": len(scan),
        "height": scan.shape[1],
        "width": scan.shape[2],
        "spacing_mm": scan.spacing and [round(length, 4) for length in scan.spacing],
        "modality": scan.modality,
        "intensity": scan.intensity,
        "intensity_guessed": scan.intensity_guessed,
        "range": [round(float(scan.pixels.min()), 3), round(float(scan.pixels.max()), 3)],
        "reordered": _reordered(scan),
        "warnings": [*scan.warnings, *(() if scan.intensity_possible else ("implausible-values",))],
        **({"transfer_syntax": scan.metadata["transfer_syntax"]} if "transfer_syntax" in scan.metadata else {}),
        **({"files": len(source.files)} if isinstance(source, DicomSeries) else {}),
    }


def _reordered(scan: Scan) -> bool:
    """Tell whether the input's axes differ from those of a `Scan`."""
    return scan.grid is not None and (scan.grid.axes != (0, 1, 2) or bool(np.any(scan.grid.flipped)))


def _print(rows: list[dict[str, Any]]) -> None:
    table = Table("source", "format", "slices", "size", "spacing, mm (z, y, x)", "values", "remarks")
    for row in rows:
        if row["refused"]:
            continue
        low, high = row["range"]
        meaning = f"{row['intensity']}{' (guessed)' if row['intensity_guessed'] else ''}, {low:g} to {high:g}"
        spacing = " x ".join(f"{length:g}" for length in row["spacing_mm"] or []) or "unknown"
        remarks = [*(["reordered"] if row["reordered"] else []), *row["warnings"]]
        values = (row["source"], row["format"], row["slices"], f"{row['width']} x {row['height']}", spacing, meaning)
        table.add_row(*(escape(str(value)) for value in (*values, ", ".join(remarks))))
    if table.row_count:
        Console().print(table)
    for row in rows:
        if row["refused"]:
            errors.print(f"{row['source']}: {row['refused']}", style="red", markup=False)
