"""`run_preprocess`: slices for training of any number of inputs into a folder, which can be killed and resumed."""

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
"""The columns of slices; those of the tables that named the inputs follow."""

SLICES, IMAGES = "slices", "images"
"""Folders of the Parquet files, and of the slices."""


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
    """Cut slices out of every input that has no row yet, and write the manifest of all.

    It can be killed at any time and called again: no input is lost, and none has its slices twice.

    Parameters
    ----------
    inputs : sequence of str or path
        See `lungct.pipeline.batch.listing.list_items`.
    out : path
        Gets ``images/``, the slices; ``slices/*.parquet``, a row a slice with the columns of `COLUMNS`, one with a
        warning or an error for an input that gave none; ``manifest.parquet`` and ``manifest.csv``, all rows in the
        inputs' order; and ``run.json``, see `run_batch`.
    settings : PreprocessSettings
    lungs : SegmenterSettings
        How lungs are found; an input is worked on by one thread, so many inputs side by side.
    grouping : Grouping, optional
        Adds ``group``, and on request ``split``, to the manifest. It decides no slice, so it may change from run to
        run: with nothing left to cut, the manifest alone is written anew.
    shard : tuple of int
        Do only part i of n, (i, n), from 1, without a manifest: call it without a shard when all parts are done.
    path_column : str, optional
        The column of paths in tables.
    redo : bool
        Throw away what earlier runs wrote into `out`.
    retry_failed : bool
        Do inputs again that failed.
    progress : Progress, optional
        Nothing is shown without.

    Raises
    ------
    StoreError
        When `out` holds results of other settings, or another process writes there.
    MissingPackageError
    SourceError
        When a table of inputs can't be read, or has no column to group by; anything else about inputs becomes a row.
    WeightsError
        When the network can't be opened.
    OSError
        When results can't be written. What is done stays; call it again.
    """
    folder = Path(out)
    listing = list_items(inputs, path_column, {*COLUMNS, *ADDED}, outside=folder, modality=lungs.modality)
    for name in grouping.by if grouping else ():
        if name not in listing.extras:
            there = f"only {', '.join(listing.extras)}" if listing.extras else "and no table"
            raise SourceError(
                f"column {name}", f"is in no table of the inputs: there is {there}", "Name one of a table"
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
    """From one input to its rows and files.

    Parameters
    ----------
    segmenter : LungSegmenter
    folder : Path
        Of the results.
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
        """Return the rows of an input, a slice each, and write its files."""
        scan, row = read_item(item, self._lungs, work)
        if scan is None:
            return [row]
        place = Path(IMAGES, item.key[:2])  # a folder of a million files is slow everywhere
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
    """Return what the manifest says of a slice."""
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
    """Throw away what earlier runs wrote, manifests too."""
    forget(folder, SLICES, shard)
    for name in MANIFEST:
        (folder / name).unlink(missing_ok=True)
