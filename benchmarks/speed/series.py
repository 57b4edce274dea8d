"""A series of CT slices: the whole pipeline against the bare networks it needs."""

from __future__ import annotations

import copy
import importlib.util
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import pydicom
from pydicom.uid import generate_uid

from lungct.common.threads import available_threads
from lungct.pipeline import Pipeline
from lungct.sources import Scan, read_scan
from lungct.sources.dicom.seg import write_seg
from lungct.sources.nifti import write_nifti
from lungct.weights import Card, Session, network
from lungct.weights.engines import choose_engine

from ..common.examples import SERIES
from ..common.sections import Row, Section
from ..common.timing import Contender, Timing, race
from .networks import engine_run, needed, picture, side_by_side, title
from .settings import Figures, Settings

FOLDER, SCAN = "Pipeline.predict, folder of DICOM files", "Pipeline.predict, Scan in memory"

READ, JUDGE = "of it, reading the folder", "of it, stage 2, judging the lungs"

BARE = "bare network "

Runs = Counter[tuple[str, int]]
"""How often the network of a name ran at a size."""


def measure_series(settings: Settings, _figures: Figures) -> tuple[Section, Figures]:
    """Time a series from files and from memory, and each network as often as the series needs it."""
    with tempfile.TemporaryDirectory() as made, ExitStack() as stack:
        folder, out = Path(made) / "series", Path(made) / "out"
        folder.mkdir()
        out.mkdir()
        write_series(SERIES, settings.series, folder)
        scan, pipe = read_scan(folder), Pipeline.from_pretrained()
        runs, lungs = count_runs(scan)
        pipe.predict(SERIES)  # opens everything that is opened lazily
        contenders = [
            Contender(FOLDER, lambda: pipe.predict(folder), len(scan)),
            Contender(SCAN, lambda: pipe.predict(scan), len(scan)),
            Contender(READ, lambda: read_scan(folder), len(scan)),
            Contender(JUDGE, lambda: pipe.classifier.classify(scan, lungs), len(scan)),
            *_writers(out, scan, lungs),
        ]
        for card, size in needed():
            run = engine_run(card, picture(size).shape, choose_engine("auto"), "f32", threads=1)
            run(picture(size))
            name = f"{BARE}{title(card, size)}"
            bare = side_by_side(name, run, size, available_threads(), each=settings.bare_runs)
            contenders.append(stack.enter_context(bare))
        timings = race(contenders, settings.slow_rounds, 2 * settings.turn, warm=True)
    total, rows = _rows(runs, timings, len(scan))
    note = (
        f"{len(scan)} slices of {scan.shape[1]} x {scan.shape[2]}, those of examples/series forwards and backwards, "
        "uncompressed. Bare: the counted runs of each network, times the duration of a run with a slice on each core. "
        "Finding the lungs: the total from memory minus stage 2."
    )
    measured = {"series_ms": timings[FOLDER].ms, "scan_ms": timings[SCAN].ms, "bare_ms": total}
    return Section("series", "A series", rows, note), measured


def _writers(out: Path, scan: Scan, lungs: np.ndarray) -> Iterator[Contender]:
    """Yield contenders that write masks; DICOM SEG needs the seg extra."""
    yield Contender("writing the mask as NIfTI", lambda: write_nifti(out / "mask.nii.gz", lungs, scan), len(scan))
    if importlib.util.find_spec("highdicom") is not None:
        facts = {"segmenter": {"name": "lungct", "version": "benchmark"}}
        yield Contender("writing it as DICOM SEG", lambda: write_seg(out / "mask.dcm", lungs, scan, facts), len(scan))


def write_series(folder: Path, slices: int, target: Path) -> None:
    """Write a series of this many uncompressed slices, 1 mm apart, forwards and backwards through the given one."""
    files = [pydicom.dcmread(path) for path in folder.rglob("*.dcm")]
    files.sort(key=lambda data: data.ImagePositionPatient[2])
    for data in files:
        if data.file_meta.TransferSyntaxUID.is_compressed:
            data.decompress()
    uid = generate_uid()
    for index in there_and_back(len(files), slices):
        data = copy.deepcopy(files[index])
        number = sum(1 for _ in target.iterdir())
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        data.SeriesInstanceUID, data.InstanceNumber, data.SliceThickness = uid, number + 1, 1
        data.ImagePositionPatient[2] = float(number)
        data.save_as(target / f"{number:04d}.dcm")


def there_and_back(length: int, count: int) -> list[int]:
    """Return this many indices: 0, 1, ... length - 1, length - 2, ... 0, 1, and so on."""
    turn = 2 * length - 2 or 1
    return [min(step, turn - step) for step in (np.arange(count) % turn).tolist()]


def count_runs(source: Scan) -> tuple[Runs, np.ndarray]:
    """Return how often the pipeline runs each network, at each size, for a scan; and the lungs it finds."""
    with counted() as runs:
        prediction = Pipeline.from_pretrained().predict(source)
    return runs, np.asarray(prediction.lung_mask)


@contextmanager
def counted() -> Iterator[Runs]:
    """Count the runs of every network opened in the block, whatever the pipeline decides."""
    runs: Runs = Counter()
    lock = threading.Lock()
    opened = network.open_session

    class Counting:
        def __init__(self, session: Session, name: str) -> None:
            self._session, self._name = session, name

        def run(self, inputs: np.ndarray) -> list[np.ndarray]:
            with lock:
                runs[self._name, inputs.shape[1]] += len(inputs)
            return self._session.run(inputs)

    def open_counting(card: Card, *options: object, **named: object) -> Counting:
        return Counting(opened(card, *options, **named), card.name)

    with mock.patch.object(network, "open_session", open_counting):
        yield runs


def _rows(runs: Runs, timings: dict[str, Timing], slices: int) -> tuple[float, list[Row]]:
    """Return the sum of bare times, ms a slice, and the table."""
    networks: list[Row] = []
    bare = 0.0
    for card, size in needed():
        timing, count = timings[f"{BARE}{title(card, size)}"], runs[card.name, size]
        bare += count * timing.ms / slices
        networks.append({"step": f"{BARE}{title(card, size)}, a run", "ms a slice": timing.spread, "runs": count})
    rows: list[Row] = [
        {
            "step": name,
            "ms a slice": timing.spread,
            "slices/s": 1000 / timing.ms if name in (FOLDER, SCAN) else None,
            "of the bare sum": timing.ms / bare,
        }
        for name, timing in timings.items()
        if not name.startswith(BARE)
    ]
    lungs = timings[SCAN].ms - timings[JUDGE].ms
    rows.insert(3, {"step": "of it, stage 1, finding the lungs", "ms a slice": lungs, "of the bare sum": lungs / bare})
    total: Row = {"step": "bare networks, sum", "ms a slice": bare, "of the bare sum": 1.0}
    return bare, [*rows, *networks, total]
