"""Where the time goes for one picture, step by step."""

from __future__ import annotations

from functools import partial

from lungct.lungseg import clean_mask, find_lungs
from lungct.pipeline import Pipeline
from lungct.sources import read_scan
from lungct.weights.engines import choose_engine

from ..common.examples import PICTURE
from ..common.sections import Row, Section
from ..common.timing import Contender, race
from .networks import engine_run, needed, picture, title
from .settings import Figures, Settings

WHOLE = "Pipeline.predict, PNG file of 512 x 512"


def measure_stages(settings: Settings, _figures: Figures) -> tuple[Section, Figures]:
    """Time one picture as a whole, and its parts."""
    pipe, scan = Pipeline.from_pretrained(), read_scan(PICTURE)
    mask = pipe.segmenter.segment(scan).mask
    label = pipe.predict(PICTURE).label
    contenders = [
        Contender(WHOLE, lambda: pipe.predict(PICTURE)),
        Contender("reading the file", lambda: read_scan(PICTURE)),
        Contender("stage 1, finding the lungs", lambda: find_lungs(pipe.segmenter, scan)),
        Contender("of it, cleaning up the mask", lambda: clean_mask(mask[0])),
        Contender("stage 2, judging them", lambda: pipe.classifier.classify(scan, mask)),
        Contender("heatmap, when asked for", lambda: pipe.classifier.classify(scan, mask).heatmap(0, mask[0])),
    ]
    for card, size in needed():
        run = engine_run(card, picture(size).shape, choose_engine("auto"), "f32")
        contenders.append(Contender(f"bare network {title(card, size)}", partial(run, picture(size))))
    timings = race(contenders, settings.rounds, settings.turn)
    whole = timings[WHOLE].ms
    rows: list[Row] = [
        {"step": name, "ms": timing.spread, "of the whole": timing.ms / whole} for name, timing in timings.items()
    ]
    note = f"{PICTURE.name}: {label}. The segmenter looks twice: at the whole slice, then closely at the lungs."
    return Section("stages", "One picture, step by step", rows, note), {}
