"""Run the pipeline and the controls on the labelled inputs of a report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...classify.data.dataset import Example
from ...classify.data.leaks import scan_hash
from ...classify.evaluation.controls import FEATURES, picture_features
from ...classify.evaluation.scoring import control_scores, controls_of
from ...sources import Scan, SourceError, read_scan
from ...sources.dicom.tags import identity_of, tags_of
from ..pipeline import Pipeline
from ..prediction import Prediction
from ..settings import DEFAULTS, PipelineSettings


@dataclass(frozen=True, eq=False)
class Facts:
    """Facts about an input from reading it.

    Parameters
    ----------
    shape : tuple of int
        Slices, height, width.
    spacing : tuple of float or None
        Spacing in mm, (z, y, x).
    format, intensity : str
    tags : dict of str to str
        See `lungct.sources.dicom.tags.tags_of`.
    hash : ndarray of uint8, shape (32,)
        Perceptual hash of the middle slice.
    identity : str
        Hash of the patient or series in the DICOM header; see `lungct.sources.dicom.tags.identity_of`.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float] | None
    format: str
    intensity: str
    tags: dict[str, str]
    hash: NDArray[np.uint8]
    identity: str = ""

    @classmethod
    def of(cls, scan: Scan) -> Facts:
        """Return the facts of a scan."""
        kind = str(scan.metadata.get("format", "unknown"))
        return cls(scan.shape, scan.spacing, kind, scan.intensity, tags_of(scan), scan_hash(scan), identity_of(scan))


@dataclass(frozen=True, eq=False)
class Row:
    """One labelled input.

    Parameters
    ----------
    example : Example
    facts : Facts or None
        None if it could not be read.
    prediction : Prediction or None
        Without pictures; None for parts that are only compared with the measured ones.
    controls : dict of str to float
        The network's scores without lung tissue, see `lungct.classify.evaluation.controls`; NaN without lung.
    features : ndarray of float64, shape (7,)
        See `lungct.classify.evaluation.controls.picture_features`.
    error : str
        Why it could not be read.
    """

    example: Example
    facts: Facts | None = None
    prediction: Prediction | None = None
    controls: dict[str, float] = field(default_factory=dict)
    features: NDArray[np.float64] = field(default_factory=lambda: np.full(len(FEATURES), np.nan))
    error: str = ""

    @property
    def has_probability(self) -> bool:
        """Whether there is a probability, even if the input was refused."""
        return self.prediction is not None and self.prediction.probability is not None

    @property
    def is_answered(self) -> bool:
        """Whether the pipeline's label is COVID or non-COVID."""
        return self.prediction is not None and self.prediction.label in ("COVID", "non-COVID")

    @property
    def details(self) -> dict[str, str]:
        """All known details; table columns take precedence over DICOM tags."""
        return {**(self.facts.tags if self.facts else {}), **self.example.details}


def judge(pipe: Pipeline, examples: Sequence[Example], settings: PipelineSettings = DEFAULTS) -> Iterator[Row]:
    """Run inputs through the pipeline, one by one; an unreadable input gives a row with an error."""
    controls = controls_of(pipe.classifier)
    predictions = pipe.stream([item.path for item in examples], **settings.of_predict)
    for item, prediction in zip(examples, predictions, strict=True):
        scan, mask = prediction.scan, prediction.lung_mask
        if scan is None or mask is None:
            yield Row(item, None, prediction, error=prediction.error or "")
            continue
        middle = len(scan) // 2
        has_lung = prediction.probability is not None
        said = control_scores(controls, scan, mask.reshape(scan.shape)) if has_lung else dict.fromkeys(controls, np.nan)
        features = picture_features(scan.pixels[middle], scan.intensity)
        plain = replace(
            prediction, lung_mask=None, scan=None, classification=None
        )  # drop pictures: volumes would fill the memory
        yield Row(item, Facts.of(scan), plain, said, features)


def look(examples: Iterable[Example], settings: PipelineSettings = DEFAULTS) -> Iterator[Row]:
    """Read inputs that are not measured, to compare them with the measured ones."""
    for item in examples:
        try:
            yield Row(item, Facts.of(read_scan(item.path, intensity=settings.intensity)))
        except SourceError as error:
            yield Row(item, error=str(error))


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers for several inputs, as arrays.

    Parameters
    ----------
    rows : list of Row
        Rows that have a probability.
    """

    rows: list[Row]

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Probabilities of COVID, float64 (n,)."""
        return np.array([row.prediction.probability for row in self.rows if row.prediction], dtype=np.float64)

    @property
    def covid(self) -> NDArray[np.bool_]:
        """Labels, bool (n,)."""
        return np.array([row.example.covid for row in self.rows], dtype=np.bool_)

    @property
    def patients(self) -> list[str]:
        """The patient of each input."""
        return [row.example.patient for row in self.rows]

    @property
    def sources(self) -> list[str]:
        """The data set, hospital or scanner of each input."""
        return [row.example.source for row in self.rows]

    @property
    def features(self) -> NDArray[np.float64]:
        """Trivial features, float64 (n, 7)."""
        return np.stack([row.features for row in self.rows])

    def control(self, name: str) -> NDArray[np.float64]:
        """Return a control's score for each input, float64 (n,)."""
        return np.array([row.controls[name] for row in self.rows])

    def values(self, name: str) -> list[Any]:
        """Return an attribute of each prediction."""
        return [getattr(row.prediction, name) for row in self.rows]
