"""Define `run_preprocess`, which cuts training slices from any number of inputs, and can be killed and resumed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...common.threads import available_threads
from ...common.whole_files import whole_files
from ...lungseg import LungSegmenter
from ...sources import SourceError
from ..batch.job import Counts, run_job
from ..batch.journal import Row, Store
from ..batch.listing import Item, list_items
from ..batch.predictor import read_item
from ..batch.progress import Progress
from ..batch.run_record import RunRecord, forget
from ..results.files import slice_names, stem_of
from ..settings import DEFAULTS as SHIPPED
from ..settings import SegmenterSettings
from .groups import Grouping
from .manifest import ADDED, MANIFEST, write_manifest
from .settings import DEFAULTS, PreprocessSettings
from .slice_files import write_slice
from .slices import ProcessedSlice, slices_of

COLUMNS = {
    "key": "string",
    "source": "string",
    "file": "string",
    "slice_index": "int64",
    "position_mm": "double",
    "lung_fraction": "double",
    "box_top": "int64",
    "box_bottom": "int64",
    "box_left": "int64",
    "box_right": "int64",
    "slice_height": "int64",
    "slice_width": "int64",
    "intensity": "string",
    "warnings": "list<string>",
    "hash": "string",
    "error": "string",
    "input_sha256": "string",
}
"""Columns of the slices' rows; the columns of input tables follow."""

SLICES, IMAGES = "slices", "images"
"""Subfolders for the Parquet files and for the slices."""


def run_preprocess(
    inputs: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    settings: PreprocessSettings = DEFAULTS,
    lungs: SegmenterSettings = SHIPPED,
    grouping: Grouping | None = None,
    shard: tuple[int, int] = (1, 1),
    path_column: str | None = None,
    redo: bool = False,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> Counts:
    """Cut slices from every input that has no row yet, and write the manifest of all slices.

    It can be killed at any time and resumed by the same call: no input is lost, and none gets its slices twice.

    Parameters
    ----------
    inputs : sequence of str or path
        See `lungct.pipeline.batch.listing.list_items`.
    out : path
        Receives ``images/``, the slices; ``slices/*.parquet``, one row per slice with the columns in `COLUMNS`, and one
        with a warning or an error for an input without slices; ``manifest.parquet`` and ``manifest.csv``, all rows in
        the inputs' order; and ``run.json``, see `run_batch`.
    settings : PreprocessSettings
    lungs : SegmenterSettings
        How lungs are found; `threads` inputs are processed in parallel, one thread each.
    grouping : Grouping, optional
        Adds ``group``, and on request ``split``, to the manifest. It doesn't affect the slices, so it may change
        between runs: if all slices are cut, only the manifest is rewritten.
    shard : tuple of int
        Process only shard i of n, (i, n), counted from 1, without a manifest; call it without a shard when all are
        done.
    path_column : str, optional
        The path column in tables.
    redo : bool
        Delete the results of earlier runs in `out`.
    retry_failed : bool
        Process failed inputs again.
    progress : Progress, optional
        By default, no progress is shown.

    Raises
    ------
    StoreError
        When `out` has results with other settings, or another process writes there.
    MissingPackageError
        When packages are missing.
    SourceError
        When a table of inputs can't be read or lacks a column to group by; other problems with inputs become rows with
        an error.
    WeightsError
        When the network can't be opened.
    OSError
        When results can't be written. Finished rows are kept; call it again to resume.
    """
    folder = Path(out)
    listing = list_items(inputs, path_column, {*COLUMNS, *ADDED}, outside=folder, modality=lungs.modality)
    for name in grouping.by if grouping else ():
        if name not in listing.extras:
            there = f"only {', '.join(listing.extras)}" if listing.extras else "no tables were given"
            raise SourceError(
                f"column {name}", f"is not in the input tables ({there})", "Name a column of an input table"
            )
    workers = lungs.threads or available_threads()
    segmenter = lungs.open_segmenter(callers=workers)
    columns = {**COLUMNS, **listing.extras}
    made = {
        "command": "preprocess",
        "settings": asdict(settings),
        "lungs": asdict(lungs.of_segmenter.with_engine()),
        "provenance": segmenter.provenance,
        "columns": dict(listing.extras),
    }
    if redo:
        _forget(folder, shard)
    with Store(folder, columns, shard, SLICES) as store:
        record = RunRecord(folder, made, shard)
        record.begin()
        if retry_failed:
            store.retry_failed()
        cutter = SliceCutter(segmenter, folder, settings, lungs)
        counts = run_job(listing.shard(*shard), cutter, store, progress or Progress.silent(), workers)
    record.end(counts, store)
    if shard == (1, 1):
        write_manifest(folder, store, listing, grouping, workers)
    return counts


class SliceCutter:
    """Cut the slices of one input, and return its rows and write its files.

    Parameters
    ----------
    segmenter : LungSegmenter
    folder : Path
        The results folder.
    settings : PreprocessSettings
    lungs : SegmenterSettings
    """

    def __init__(
        self, segmenter: LungSegmenter, folder: Path, settings: PreprocessSettings, lungs: SegmenterSettings
    ) -> None:
        self._segmenter = segmenter
        self._folder = folder
        self._settings = settings
        self._lungs = lungs

    def __call__(self, item: Item, work: Path) -> list[Row]:
        """Return the rows of an input, one per slice, and write its files."""
        scan, row = read_item(item, self._lungs, work)
        if scan is None:
            return [row]
        place = Path(IMAGES, item.key[:2])  # a folder with a million files is slow on every system
        names = slice_names(f"{stem_of(item.name)}-{item.key}", len(scan))
        rows: list[Row] = []
        with whole_files(self._folder / place, work) as aside:
            for found in slices_of(scan, self._segmenter, self._settings):
                file = None
                if found.pixels is not None and found.index is not None:
                    path = write_slice(aside, names[found.index], found.pixels, self._settings.format)
                    file = (place / path.name).as_posix()
                rows.append({**row, **_row_of(found), "file": file})
        return rows


def _row_of(found: ProcessedSlice) -> dict[str, Any]:
    """Return the manifest's columns for a slice."""
    rows, columns = found.box or (slice(None), slice(None))
    height, width = found.shape or (None, None)
    return {
        "slice_index": found.index,
        "position_mm": found.position_mm,
        "lung_fraction": found.lung_fraction,
        "box_top": rows.start,
        "box_bottom": rows.stop,
        "box_left": columns.start,
        "box_right": columns.stop,
        "slice_height": height,
        "slice_width": width,
        "intensity": found.intensity,
        "warnings": list(found.warnings),
        "hash": found.hash,
    }


def _forget(folder: Path, shard: tuple[int, int]) -> None:
    """Delete the results of earlier runs, including manifests."""
    forget(folder, SLICES, shard)
    for name in MANIFEST:
        (folder / name).unlink(missing_ok=True)
