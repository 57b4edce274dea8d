"""Estimators for scikit-learn: the pipeline as a classifier, regions of interest as features."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..classify import RoiPreprocessing
from ..lungseg import find_lungs
from ..sources import Intensity, SourceError, read_scan
from ..weights import CLASSIFIER, Engine, Precision, load_card
from .mapping import Settings, open_pipeline, open_segmenter, without_channel
from .pipeline import is_single

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
except ModuleNotFoundError as error:
    raise ImportError(f"{__name__} needs scikit-learn. Run: pip install scikit-learn") from error


class _LungEstimator(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """What both share: they come fitted, and hold settings only, so that they can be cloned and pickled."""

    intensity: Intensity | None
    engine: Engine
    precision: Precision
    threads: int | None

    def fit(self, X: Iterable[Any], y: Iterable[Any] | None = None) -> Self:  # noqa: ARG002, N803
        """Check X, and learn nothing."""
        _check_several(X)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        return tags

    @property
    def _settings(self) -> Settings:
        return {"engine": self.engine, "precision": self.precision, "threads": self.threads}


class LungClassifier(ClassifierMixin, _LungEstimator):  # type: ignore[misc]
    """The whole `Pipeline` as a classifier that comes fitted.

    X is a sequence of sources (paths, arrays, volumes: see `lungct.sources.read_scan`) or an array of slices
    (n, height, width) or (n, height, width, channels).

    Parameters
    ----------
    intensity : {"hu", "display"}, optional
        What the values mean, where you know.
    engine, precision, threads
        As for `lungct.pipeline.Pipeline.from_pretrained`; ``threads=1`` beside other workers (``n_jobs``).

    Attributes
    ----------
    classes_ : ndarray of str
        "COVID" and "non-COVID": the columns of `predict_proba`.

    Raises
    ------
    SourceError
        When one of X can't be read: use `Pipeline.stream` to go on without it.
    ValueError
        When X is one source, not several.
    """

    def __init__(
        self,
        intensity: Intensity | None = None,
        engine: Engine = "auto",
        precision: Precision = "f32",
        threads: int | None = None,
    ) -> None:
        self.intensity = intensity
        self.engine = engine
        self.precision = precision
        self.threads = threads

    @property
    def classes_(self) -> NDArray[np.str_]:
        """The two answers, in the order of `predict_proba`."""
        return np.array(["COVID", "non-COVID"])

    def fit(self, X: Iterable[Any], y: Iterable[Any] | None = None) -> Self:  # noqa: N803
        """Check X and the labels, and learn nothing.

        Parameters
        ----------
        X : sequence of sources
        y : sequence of str, optional
            "COVID" and "non-COVID". Numbers pass: scikit-learn's cross validation numbers the labels.

        Raises
        ------
        ValueError
            When X is one source, or y holds other labels.
        """
        strange = {label for label in ([] if y is None else y) if isinstance(label, str)} - {*self.classes_}
        if strange:
            raise ValueError(f"y holds {sorted(strange)[:5]}; call the labels 'COVID' and 'non-COVID'")
        return super().fit(X)

    def predict(self, X: Iterable[Any]) -> NDArray[np.str_]:  # noqa: N803
        """Return labels: "COVID" from the threshold in the network's card on, "indeterminate" where there is no lung.

        Parameters
        ----------
        X : sequence of sources

        Returns
        -------
        ndarray of str, shape (n,)
        """
        return np.array([label for label, _ in self._judge(X)], dtype=np.str_)

    def predict_proba(self, X: Iterable[Any]) -> NDArray[np.float64]:  # noqa: N803
        """Return calibrated probabilities, NaN where there is no lung.

        Parameters
        ----------
        X : sequence of sources

        Returns
        -------
        ndarray of float64, shape (n, 2)
            In the order of `classes_`.
        """
        covid = np.array([probability for _, probability in self._judge(X)], dtype=np.float64)
        return np.stack([covid, 1 - covid], axis=1)

    def _judge(self, X: Iterable[Any]) -> list[tuple[str | None, float | None]]:  # noqa: N803
        """Return label and probability of each, one by one: the predictions hold their scans."""
        _check_several(X)
        pipe = open_pipeline(**self._settings)
        each = (pipe.predict(without_channel(source), intensity=self.intensity) for source in X)
        return [(prediction.label, prediction.probability) for prediction in each]


class LungRoiTransformer(TransformerMixin, _LungEstimator):  # type: ignore[misc]
    """Slices to regions of interest, flattened: a row of pixels for estimators that take features.

    Each slice is masked with its lungs, cropped to them, stretched and resized as the classifier's card says.

    Parameters
    ----------
    size : int
        Side of the region in pixels, so that there are ``size * size`` features.
    intensity, engine, precision, threads
        As for `LungClassifier`, which raises the same.
    """

    def __init__(
        self,
        size: int = 32,
        intensity: Intensity | None = None,
        engine: Engine = "auto",
        precision: Precision = "f32",
        threads: int | None = None,
    ) -> None:
        self.size = size
        self.intensity = intensity
        self.engine = engine
        self.precision = precision
        self.threads = threads

    def transform(self, X: Iterable[Any]) -> NDArray[np.float32]:  # noqa: N803
        """Return the regions.

        Parameters
        ----------
        X : sequence of sources
            Of one slice each.

        Returns
        -------
        ndarray of float32, shape (n, size * size)
            In [0, 1]; 0 outside the lungs, and throughout where there are none.

        Raises
        ------
        SourceError
            When one of X can't be read, or holds several slices.
        """
        _check_several(X)
        preprocess = replace(RoiPreprocessing.from_dict(load_card(CLASSIFIER).preprocessing), size=self.size)
        rows = [self._region(source, preprocess).ravel() for source in X]
        return np.array(rows, dtype=np.float32).reshape(-1, self.size * self.size)

    def _region(self, source: Any, preprocess: RoiPreprocessing) -> NDArray[np.float32]:
        scan = read_scan(without_channel(source), intensity=self.intensity)
        if len(scan) > 1:
            raise SourceError(scan.source, f"holds {len(scan)} slices", "Give slices one by one, a row for each")
        scan, lungs = find_lungs(open_segmenter(**self._settings), scan)
        if not lungs.mask.any():
            return np.zeros((self.size, self.size), dtype=np.float32)
        return preprocess(scan.pixels[0], scan.intensity, lungs.mask[0])[0]


def _check_several(sources: Iterable[Any]) -> None:
    """Refuse one source where several are meant: a path would be taken apart into letters, a slice into rows."""
    if is_single(sources) and getattr(sources, "ndim", 0) in (0, 2):
        raise ValueError(f"X must be a sequence of sources, not one {type(sources).__name__}: give [source]")
