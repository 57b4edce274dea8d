"""The notebook's recipe: the paper's BCD U-Net and an EfficientNetB0 at the picture's full size, Keras' `predict`."""

from __future__ import annotations

import gc

import numpy as np

from lungct.classify import build_classifier
from lungct.lungseg.architectures import build_network
from lungct.pipeline import Pipeline
from lungct.sources import read_scan
from lungct.sources.intensity import resize
from lungct.weights.fitting import prepare_environment

from ..common.examples import PICTURE
from ..common.sections import Section
from ..common.timing import Contender, Timing, race
from .settings import Figures, Settings

FILE = "Pipeline.predict, PNG file"


class Recipe:
    """Both networks, untrained, because weights don't affect the time.

    They are built from lungct's own layers. The ConvLSTM2D of the published code does more work for the same result, so
    the notebook itself takes longer.

    Parameters
    ----------
    size : int
        Height and width of the picture; the notebook's is 512.
    filters : int
        Of the first level; the paper's network has 64.
    """

    def __init__(self, size: int, filters: int) -> None:
        prepare_environment()
        import keras

        self.segmenter = build_network(size=size, filters=filters, dense_blocks=3, bidirectional=False)
        classifier = build_classifier(size)
        # A separate model for the answer only, as in the notebook.
        self.classifier = keras.Model(classifier.inputs, classifier.outputs[0])

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Find the lungs, mask out the rest, classify: from (1, size, size, 1) in [0, 1] to a logit (1, 1)."""
        mask = self.segmenter.predict(picture, verbose=0) > 0.5
        return np.asarray(self.classifier.predict(picture * mask, verbose=0))


def grey(size: int) -> np.ndarray:
    """Return the example picture as the recipe takes it, float32 (1, size, size, 1)."""
    return resize(read_scan(PICTURE).pixels[0], size, size)[None, ..., None]


def measure_recipe(settings: Settings, _figures: Figures) -> tuple[Section, Figures]:
    """Time the whole pipeline against the recipe, one picture."""
    import keras

    timings = _race(settings)
    keras.backend.clear_session()  # the recipe's feature maps take gigabytes
    gc.collect()
    slow, fast = next(iter(timings.values())).ms, timings[FILE].ms
    rows = [
        {"what": what, "ms a slice": timing.spread, "slices/s": 1000 / timing.ms, "times as fast": slow / timing.ms}
        for what, timing in timings.items()
    ]
    note = "The recipe takes the picture from memory, untrained; lungct reads the file and maps the result back."
    # At another size than the notebook's, this is not a measurement of it.
    measured = {} if settings.quick else {"recipe_ms": slow, "pipeline_ms": fast}
    return Section("recipe", "The whole pipeline against the notebook's recipe", rows, note), measured


def _race(settings: Settings) -> dict[str, Timing]:
    size, filters = settings.recipe_size, settings.recipe_filters
    pipe, recipe = Pipeline.from_pretrained(), Recipe(size, filters)
    picture, scan = grey(size), read_scan(PICTURE)
    contenders = [
        Contender(f"the notebook's recipe, {size} x {size}, {filters} filters", lambda: recipe(picture)),
        Contender("Pipeline.predict, picture in memory", lambda: pipe.predict(scan)),
        Contender(FILE, lambda: pipe.predict(PICTURE)),
    ]
    # A call of the recipe takes about 20 s: two turns of it, and long turns of the others.
    return race(contenders, min(2, settings.slow_rounds), 10 * settings.turn)
