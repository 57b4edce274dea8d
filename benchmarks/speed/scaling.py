"""How time depends on batch size, threads and the number of slices."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from lungct.common.threads import available_threads
from lungct.pipeline import Pipeline
from lungct.sources import Scan, read_scan
from lungct.weights import Card

from ..common.examples import SERIES
from ..common.sections import Row, Section
from ..common.timing import Contender, Skipped, race
from .networks import (
    ENGINES,
    engine_contenders,
    engine_run,
    keras_model,
    keras_predict,
    picture,
    raced,
    side_by_side,
    title,
)
from .series import there_and_back
from .settings import Figures, Settings

Entries = dict[tuple[str, str], Contender | Skipped]
"""By row and column."""


def measure_batches(settings: Settings, _figures: Figures) -> tuple[Section, Figures]:
    """Time the networks on several slices at once."""
    rows: list[Row] = []
    for card, size in raced(settings)[: settings.scaled]:
        model = keras_model(card.name, size)
        opened = {batch: engine_contenders(card, size, batch) for batch in settings.batches}
        impossible = {entry.name for entry in opened[1] if isinstance(entry, Skipped)}
        entries: Entries = {}
        for batch, engines in opened.items():
            found = [keras_predict("Keras predict", model, size, batch), *engines]
            entries |= {(entry.name, f"batch {batch}"): entry for entry in found if entry.name not in impossible}
        rows += _race(title(card, size), entries, settings)
    return Section("batches", "Slices at once: ms a slice", rows, "All threads work on one batch."), {}


def measure_threads(settings: Settings, _figures: Figures) -> tuple[Section, Figures]:
    """Time the networks on one core, two, and so on: all on one slice, or one slice on each."""
    rows: list[Row] = []
    for card, size in raced(settings)[: settings.scaled]:
        with ExitStack() as stack:
            entries: Entries = {}
            for threads in _steps(available_threads()):
                entries |= _on_threads(card, size, threads, stack)
            rows += _race(title(card, size), entries, settings)
    return Section("threads", "Threads: ms a slice", rows, "Batch 1."), {}


def measure_counts(settings: Settings, _figures: Figures) -> tuple[Section, Figures]:
    """Time the pipeline on scans of more and more slices."""
    pipe = Pipeline.from_pretrained()
    contenders = [Contender(str(count), partial(pipe.predict, make_scan(count)), count) for count in settings.counts]
    contenders[0].work()
    timings = race(contenders, min(2, settings.slow_rounds), 2 * settings.turn, warm=True)
    rows: list[Row] = [
        {
            "slices": int(name),
            "ms a slice": timing.spread,
            "slices/s": 1000 / timing.ms,
            "s a scan": timing.ms * int(name) / 1000,
        }
        for name, timing in timings.items()
    ]
    return Section("counts", "Slices of a scan: Pipeline.predict of a Scan in memory", rows), {}


def make_scan(slices: int) -> Scan:
    """Return a scan of this many slices: those of examples/series, forwards and backwards."""
    scan = read_scan(SERIES)
    return Scan(scan.pixels[there_and_back(len(scan), slices)], scan.intensity, scan.spacing, source=f"{slices} slices")


def _steps(most: int) -> list[int]:
    """Return 1, 2, 4 and so on, up to and including the maximum."""
    return [*(2**power for power in range(most.bit_length()) if 2**power < most), most]


def _on_threads(card: Card, size: int, threads: int, stack: ExitStack) -> Entries:
    column = f"{threads} threads" if threads > 1 else "1 thread"
    found: Entries = {}
    single: Any
    for name, engine, precision in ENGINES:
        if precision != "f32":
            continue
        run = engine_run(card, picture(size).shape, engine, precision, threads)
        single = run if threads == 1 else engine_run(card, picture(size).shape, engine, precision, 1)
        together, apart = f"{name}, all on one slice", f"{name}, a slice on each"
        found[together, column] = Contender(together, partial(run, picture(size)))
        found[apart, column] = stack.enter_context(side_by_side(apart, single, size, threads, each=4))
    return found


def _race(network: str, entries: Entries, settings: Settings) -> list[Row]:
    """Time all entries in one race, and return a row for each contender with a cell for each column."""
    running = [
        replace(entry, name=f"{row} | {column}")
        for (row, column), entry in entries.items()
        if isinstance(entry, Contender)
    ]
    timings = race(running, max(1, settings.rounds // 2), settings.turn)
    rows: dict[str, Row] = {}
    for (row, column), entry in entries.items():
        cells = rows.setdefault(row, {"network": network, "run by": row})
        cells[column] = timings[f"{row} | {column}"].spread if isinstance(entry, Contender) else "not exported for it"
    return list(rows.values())
