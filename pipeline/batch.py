"""`run_batch`: predictions of any number of inputs into a folder, which can be interrupted and gone on with."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ..sources import DicomSeries, Intensity, SourceError, read_scan
from ..sources.scan import Scan
from ..weights import Engine, Modality, Precision
from ..weights.engines import choose_engine
from ..weights.threads import available_threads
from .digest import digest
from .files import stem_of, write_roi, write_volume
from .job import Counts, keep, pending, run_job
from .listing import LIMITS, Item, list_items
from .locks import StoreError
from .pipeline import Pipeline
from .prediction import MaskFormat, Prediction
from .progress import Progress
from .remote import RemoteFile, is_ours
from .run_record import RunRecord, forget
from .store import Row, Store
from .whole_files import whole_files

COLUMNS = {
    "key": "string",
    "source": "string",
    "label": "string",
    "probability": "double",
    "interval_low": "double",
    "interval_high": "double",
    "prediction_set": "list<string>",
    "ood_score": "double",
    "lung_fraction": "double",
    "lung_volume_ml": "double",
    "slices": "int64",
    "warnings": "list<string>",
    "error": "string",
    "files": "list<string>",
    "input_sha256": "string",
    "read_ms": "double",
    "predict_ms": "double",
    "write_ms": "double",
}
"""The columns of predictions; those of the tables that named the inputs follow."""

PREDICTIONS = "predictions"
"""Folder of the Parquet files."""


@dataclass(frozen=True)
class Output:
    """What is written beside the rows.

    Parameters
    ----------
    masks : {"none", "auto", "png", "nifti", "seg"}
        Lung masks, see `Prediction.save`.
    rois : bool
        Inputs times masks: PNG or, in HU, TIFF of single slices, NIfTI of volumes.
    overlays : bool
        Pictures with the lungs' outline and the heatmap, PNG.
    """

    masks: Literal["none"] | MaskFormat = "none"
    rois: bool = False
    overlays: bool = False


def run_batch(
    inputs: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    output: Output = Output(),
    modality: Modality = "ct",
    intensity: Intensity | None = None,
    engine: Engine = "auto",
    precision: Precision = "f32",
    threads: int | None = None,
    shard: tuple[int, int] = (1, 1),
    path_column: str | None = None,
    redo: bool = False,
    retry_failed: bool = False,
    ray: str | None = None,
    progress: Progress | None = None,
) -> Counts:
    """Predict every input that has no row yet.

    Killed at any moment and called again, it goes on: no input is lost, and none has two rows.

    Parameters
    ----------
    inputs : sequence of str or path
        See `lungct.pipeline.listing.list_items`.
    out : path
        Gets ``predictions/*.parquet``, a row an input with the columns of `COLUMNS`; ``files/``, what `output` asks
        for; and ``run.json``: settings, weights with checksums, machine, counts, seconds, checksum of all inputs.
    output : Output
    modality, intensity, engine, precision, threads
        As for `Pipeline`; an input is worked on by one thread, so many inputs side by side.
    shard : tuple of int
        Do only part i of n, (i, n), from 1: other machines do the others, into the same folder or one of their own.
    path_column : str, optional
        The column of paths in tables.
    redo : bool
        Throw away what is in `out` from earlier runs.
    retry_failed : bool
        Do inputs again that failed, such as those of a server that was down.
    ray : str, optional
        Work on a Ray cluster: its address, "auto" for the one this machine belongs to, "local" for one made for it.
    progress : Progress, optional
        Nothing is shown without.

    Raises
    ------
    StoreError
        When `out` holds results of other settings, another process writes there, or packages are missing.
    SourceError
        When a table of inputs can't be read; anything else about inputs becomes a row.
    WeightsError
        When the networks can't be opened.
    OSError
        When results can't be written. What is done stays; call it again.
    """
    folder = Path(out)
    listing = list_items(inputs, path_column, outside=folder, modality=modality)
    items = listing.shard(*shard)
    if output.masks == "seg" and not importlib.util.find_spec("highdicom"):
        raise StoreError("masks as DICOM SEG need highdicom. Run: pip install 'lungct[seg]'")
    workers = threads or available_threads()
    engine = choose_engine(engine, precision)
    pipe = Pipeline.from_pretrained(modality, engine=engine, precision=precision, threads=workers, callers=workers)
    settings = {
        "command": "batch",
        "intensity": intensity or "auto",
        "output": asdict(output),
        "engine": engine,
        "model": pipe.model,
        "columns": dict(listing.extras),
    }
    if redo:
        forget(folder, PREDICTIONS, shard)
    with Store(folder, {**COLUMNS, **listing.extras}, shard, PREDICTIONS) as store:
        record = RunRecord(folder, settings, shard)
        record.begin()
        store.check_same(items, listing.extras)
        if retry_failed:
            store.retry_failed()
        shown = progress or Progress.silent()
        if ray is None:
            predictor = Predictor(pipe, folder, output, intensity)
            counts = run_job(items, predictor, store, shown, workers)
        else:
            from .ray import predict_items

            todo = pending(items, store)
            results = predict_items(
                todo, folder, store.work, output, intensity, engine, precision, ray, threads, modality
            )
            with closing(results):  # an interruption leaves the cluster
                counts = keep(results, items, store, shown)
    record.end(counts, store)
    return counts


class Predictor:
    """From one input to its row and files.

    Parameters
    ----------
    pipe : Pipeline
    folder : Path
        Of the results.
    output : Output
    intensity : {"hu", "display"}, optional
    """

    def __init__(self, pipe: Pipeline, folder: Path, output: Output, intensity: Intensity | None) -> None:
        self._pipe = pipe
        self._folder = folder
        self._output = output
        self._intensity = intensity

    def __call__(self, item: Item, work: Path) -> list[Row]:
        """Return the row of an input, in a list."""
        scan, row = read_item(item, self._intensity, work, self._pipe.modality)
        return [row if scan is None else self.judge(item, scan, row, work)]

    def judge(self, item: Item, scan: Scan, row: Row, work: Path) -> Row:
        """Return the whole row of an input that was read, and write its files."""
        prediction, predict_ms = _timed(lambda: self._pipe.predict(scan))
        (files, error), write_ms = _timed(lambda: self._write(item, prediction, work))
        low, high = prediction.interval or (None, None)
        found = {
            "label": prediction.label,
            "probability": prediction.probability,
            "interval_low": low,
            "interval_high": high,
            "prediction_set": list(prediction.prediction_set),
            "ood_score": prediction.ood_score,
            "lung_fraction": prediction.lung_fraction,
            "lung_volume_ml": prediction.lung_volume_ml,
            "slices": prediction.slices,
            "warnings": list(prediction.warnings),
        }
        return {**row, **found, "files": files, "error": error, "predict_ms": predict_ms, "write_ms": write_ms}

    def _write(self, item: Item, prediction: Prediction, work: Path) -> tuple[list[str], str | None]:
        """Write the files asked for; return their paths in the folder of results, and why there are none."""
        if self._output == Output():
            return [], None
        place = Path("files", item.key[:2])  # a folder of a million files is slow everywhere
        try:
            with whole_files(self._folder / place, work) as aside:
                stem = f"{stem_of(item.name)}-{item.key}"
                written = write_outputs(prediction, aside, stem, self._output, self._pipe.segmenter.model)
        except SourceError as error:  # masks in a form that this input can't have
            return [], str(error)
        return [str(place / path.name) for path in written], None


def write_outputs(
    prediction: Prediction, folder: Path, stem: str, output: Output, model: Mapping[str, str]
) -> list[Path]:
    """Write what is asked for beside the row.

    Raises
    ------
    SourceError
        When the input can't have a mask of that format.
    """
    scan, mask, written = prediction.scan, prediction.lung_mask, []
    if scan is None or mask is None:
        return []
    masks = mask.reshape(scan.shape)
    if output.masks != "none":
        written += write_volume(folder, stem, masks, scan, output.masks, model)
    if output.rois:
        written += write_roi(folder, stem, masks, scan, a_slice_each=len(scan) == 1)
    if output.overlays:
        overlay = folder / f"{stem}_overlay.png"
        prediction.overlay().save(overlay)
        written.append(overlay)
    return written


def read_item(
    item: Item, intensity: Intensity | None, work: Path | None = None, modality: Modality = "ct"
) -> tuple[Scan | None, Row]:
    """Read one input; what is behind a URL is fetched into `work` for it. What is of another modality is refused.

    Returns
    -------
    scan : Scan or None
        None where it can't be read.
    row : dict
        What is known so far: the source, what the table said of it, checksum and time, or the error.
    """
    row: dict[str, Any] = {**item.extra, "source": item.name}
    begun = time.perf_counter()
    try:
        with available(item.source, work) as source:
            scan = read_scan(source, intensity=intensity)
            scan.check_is(modality)
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
    source: Path | DicomSeries | RemoteFile | SourceError, work: Path | None = None
) -> Iterator[Path | DicomSeries]:
    """Yield what can be read here: files behind URLs are fetched for as long as that, into `work`.

    Raises
    ------
    SourceError
        When it can't be.
    """
    if isinstance(source, SourceError):
        raise source
    if isinstance(source, RemoteFile):
        with source.fetched(work) as copy:
            try:
                yield copy
            except SourceError as error:  # of the copy, whose name says nothing
                raise SourceError(source.url, error.problem, error.remedy) from error
    else:
        yield source


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return a result and the milliseconds it took."""
    begun = time.perf_counter()
    return work(), 1e3 * (time.perf_counter() - begun)
