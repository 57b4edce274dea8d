"""Turn one input of a batch into its row and files, for local runs and for Ray."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ...common.whole_files import whole_files
from ...sources import DicomSeries, Scan, SourceError, read_scan
from ...sources.files import SourceFile
from ..pipeline import Pipeline
from ..prediction import Prediction
from ..results.files import stem_of, write_lungs, write_roi, write_sheet
from ..results.overlay import draw_prediction
from ..results.row import FINDINGS, row_of
from ..settings import SegmenterSettings
from .digest import digest
from .journal import Row
from .listing import LIMITS, Item
from .remote import RemoteFile, is_ours
from .settings import BatchSettings

COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "key": "string",
        "source": "string",
        **FINDINGS,
        "error": "string",
        "files": "list<string>",
        "input_sha256": "string",
        "read_ms": "double",
        "predict_ms": "double",
        "write_ms": "double",
    }
)
"""Columns of a batch's rows, with their types; the columns of input tables follow."""


class Predictor:
    """Predict one input, and return its row and write its files.

    Parameters
    ----------
    pipe : Pipeline
    folder : Path
        The results folder.
    settings : BatchSettings
    """

    def __init__(self, pipe: Pipeline, folder: Path, settings: BatchSettings) -> None:
        self._pipe = pipe
        self._folder = folder
        self._settings = settings

    def __call__(self, item: Item, work: Path) -> list[Row]:
        """Return the row of an input, as a list of one."""
        scan, row = read_item(item, self._settings, work)
        return [row if scan is None else self.judge(item, scan, row, work)]

    def judge(self, item: Item, scan: Scan, row: Row, work: Path) -> Row:
        """Predict a scan, write its files, and return the complete row."""
        try:
            prediction, predict_ms = _timed(lambda: self._pipe.predict(scan, **self._settings.of_predict))
        except SourceError as refusal:  # for example, a volume classifier that needs the spacing
            return {**row, "error": str(refusal)}
        (files, error), write_ms = _timed(lambda: self._write(item, prediction, work))
        times = {"predict_ms": predict_ms, "write_ms": write_ms}
        return {**row, **row_of(prediction), "files": files, "error": error, **times}

    def _write(self, item: Item, prediction: Prediction, work: Path) -> tuple[list[str], str | None]:
        """Write the requested files; return their paths in the results folder, and the error if there are none."""
        if not self._settings.writes_files:
            return [], None
        place = Path("files", item.key[:2])  # a folder with a million files is slow on every system
        try:
            with whole_files(self._folder / place, work) as aside:
                stem = f"{stem_of(item.name)}-{item.key}"
                written = write_outputs(prediction, aside, stem, self._settings)
        except SourceError as error:  # a mask format that is impossible for this input
            return [], str(error)
        return [str(place / path.name) for path in written], None


def write_outputs(prediction: Prediction, folder: Path, stem: str, settings: BatchSettings) -> list[Path]:
    """Write the requested files in addition to the row.

    Raises
    ------
    SourceError
        When the mask format is impossible for this input.
    """
    scan, mask, written = prediction.scan, prediction.lung_mask, []
    if scan is None or mask is None:
        return []
    if settings.masks != "none":
        written += write_lungs(prediction, folder, stem, settings.masks, labels=settings.labels)
    if settings.rois:
        written += write_roi(folder, stem, mask.reshape(scan.shape), scan, a_slice_each=len(scan) == 1)
    if settings.overlays:
        overlay = folder / f"{stem}_overlay.png"
        draw_prediction(prediction).save(overlay)
        written.append(overlay)
    if settings.html:
        written.append(write_sheet(prediction, folder, stem))
    return written


def read_item(item: Item, settings: SegmenterSettings, work: Path | None = None) -> tuple[Scan | None, Row]:
    """Read one input; a URL is downloaded to `work` for it. Scans of another modality are refused.

    Returns
    -------
    scan : Scan or None
        None if it can't be read.
    row : dict
        The row so far: source, table columns, checksum and time, or the error.
    """
    row: dict[str, Any] = {**item.extra, "source": item.name}
    begun = time.perf_counter()
    try:
        with available(item.source, work) as source:
            scan = read_scan(source, intensity=settings.intensity)
            scan.check_is(settings.modality)
            row["input_sha256"] = digest(source, LIMITS)
    except SourceError as error:
        return None, {**row, "error": str(error)}
    except OSError as error:
        if is_ours(error):
            raise
        reason = SourceError(item.name, f"can't be read ({error.strerror or error})", "Check that it is still there")
        return None, {**row, "error": str(reason)}
    return scan, {**row, "read_ms": 1e3 * (time.perf_counter() - begun)}


@contextmanager
def available(
    source: Path | DicomSeries | SourceFile | RemoteFile | SourceError, work: Path | None = None
) -> Iterator[Path | DicomSeries | SourceFile]:
    """Yield a local source; URLs are downloaded to `work`, and deleted afterwards.

    Raises
    ------
    SourceError
        When it can't be read or downloaded.
    """
    if isinstance(source, SourceError):
        raise source
    if isinstance(source, RemoteFile):
        with source.fetched(work) as copy:
            try:
                yield copy
            except SourceError as error:  # name the URL instead of the temporary copy
                raise SourceError(source.url, error.problem, error.remedy) from error
    else:
        yield source


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Call a function, and return its result and the milliseconds it took."""
    begun = time.perf_counter()
    return work(), 1e3 * (time.perf_counter() - begun)
