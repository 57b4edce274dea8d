"""Provide scikit-learn estimators: the pipeline as a classifier, and regions of interest as features."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ...classify import RoiPreprocessing
from ...common.optional import require
from ...lungseg import find_lungs
from ...sources import SourceError, read_scan
from ...sources.reader import is_single
from ...weights import CLASSIFIERS, load_card
from ..settings import PipelineSettings, SegmenterSettings, open_pipeline, open_segmenter
from .mapping import without_channel

require("sklearn", purpose=__name__)
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin  # noqa: E402 - not before it is known to be there


class _LungEstimator(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Base of both estimators. They are already fitted, and store only settings, so they can be cloned and pickled.

    Options are attributes, as scikit-learn requires, so that ``set_params`` and grid searches work.
    """

    _of: ClassVar[type[SegmenterSettings]]

    def __init__(self, **options: Any) -> None:
        for name, value in asdict(self._of(**options)).items():
            setattr(self, name, value)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters and options."""
        names = [field.name for field in fields(self._of)]
        return {**super().get_params(deep), **{name: getattr(self, name) for name in names}}

    @property
    def _settings(self) -> Any:
        return self._of(**{field.name: getattr(self, field.name) for field in fields(self._of)})

    def fit(self, X: Iterable[Any], y: Iterable[Any] | None = None) -> Self:  # noqa: ARG002, N803
        """Check X; nothing is learned."""
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


class LungClassifier(ClassifierMixin, _LungEstimator):  # type: ignore[misc]
    """The whole `Pipeline` as an already fitted classifier.

    X is a sequence of sources (paths, arrays, volumes; see `lungct.sources.read_scan`) or an array of slices
    (n, height, width) or (n, height, width, channels).

    Parameters
    ----------
    **options
        As for `lungct.pipeline.settings.PipelineSettings`, such as ``modality="xray"``; use ``threads=1`` with parallel
        workers (``n_jobs``).

    Attributes
    ----------
    classes_ : ndarray of str
        "COVID" and "non-COVID": the columns of `predict_proba`.

    Raises
    ------
    SourceError
        When a source in X can't be read; use `Pipeline.stream` to skip such sources.
    ValueError
        When X is a single source.
    """

    _of = PipelineSettings

    @property
    def classes_(self) -> NDArray[np.str_]:
        """The two labels, in the order of `predict_proba`."""
        return np.array(["COVID", "non-COVID"])

    def fit(self, X: Iterable[Any], y: Iterable[Any] | None = None) -> Self:  # noqa: N803
        """Check X and the labels; nothing is learned.

        Parameters
        ----------
        X : sequence of sources
        y : sequence of str, optional
            "COVID" and "non-COVID". Numbers are accepted, because scikit-learn's cross-validation encodes labels.

        Raises
        ------
        ValueError
            When X is a single source, or y contains other labels.
        """
        strange = {label for label in ([] if y is None else y) if isinstance(label, str)} - {*self.classes_}
        if strange:
            raise ValueError(f"y contains {sorted(strange)[:5]}; use the labels 'COVID' and 'non-COVID'")
        return super().fit(X)

    def predict(self, X: Iterable[Any]) -> NDArray[np.str_]:  # noqa: N803
        """Return labels: "COVID" at or above the threshold in the network's card, "indeterminate" without an answer.

        Parameters
        ----------
        X : sequence of sources

        Returns
        -------
        ndarray of str, shape (n,)
        """
        return np.array([label for label, _ in self._judge(X)], dtype=np.str_)

    def predict_proba(self, X: Iterable[Any]) -> NDArray[np.float64]:  # noqa: N803
        """Return calibrated probabilities; NaN without lung.

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
        """Return the label and probability of each source; predictions hold their scans, so they are not kept."""
        _check_several(X)
        settings = self._settings
        pipe = open_pipeline(settings)
        each = (pipe.predict(without_channel(source), **settings.of_predict) for source in X)
        return [(prediction.label, prediction.probability) for prediction in each]


class LungRoiTransformer(TransformerMixin, _LungEstimator):  # type: ignore[misc]
    """Turn slices into flattened regions of interest: one row of pixels per slice, as features for other estimators.

    Each slice is masked, cropped to the lungs, stretched and resized according to the classifier's card.

    Parameters
    ----------
    size : int
        Side of the region in pixels; there are ``size * size`` features.
    **options
        As for `lungct.pipeline.settings.SegmenterSettings`.
    """

    _of = SegmenterSettings

    def __init__(self, size: int = 32, **options: Any) -> None:
        super().__init__(**options)
        self.size = size

    def transform(self, X: Iterable[Any]) -> NDArray[np.float32]:  # noqa: N803
        """Return the regions.

        Parameters
        ----------
        X : sequence of sources
            Sources with one slice each.

        Returns
        -------
        ndarray of float32, shape (n, size * size)
            In [0, 1]; 0 outside the lungs, and everywhere if none were found.

        Raises
        ------
        SourceError
            When a source in X can't be read or has several slices.
        """
        _check_several(X)
        settings = self._settings
        card = load_card(CLASSIFIERS[settings.modality])
        preprocess = replace(RoiPreprocessing.from_dict(card.preprocessing), size=self.size)
        rows = [self._region(source, preprocess, settings).ravel() for source in X]
        return np.array(rows, dtype=np.float32).reshape(-1, self.size * self.size)

    def _region(self, source: Any, preprocess: RoiPreprocessing, settings: SegmenterSettings) -> NDArray[np.float32]:
        scan = read_scan(without_channel(source), intensity=settings.intensity)
        scan.check_is(settings.modality)
        if len(scan) > 1:
            raise SourceError(scan.source, f"holds {len(scan)} slices", "Give each slice as a separate source")
        scan, lungs = find_lungs(open_segmenter(settings), scan)
        if not lungs.mask.any():
            return np.zeros((self.size, self.size), dtype=np.float32)
        return preprocess(scan.pixels[0], scan.intensity, lungs.mask[0])[0]


def _check_several(sources: Iterable[Any]) -> None:
    """Refuse a single source: a path would be iterated by letter, a slice by row."""
    if is_single(sources) and getattr(sources, "ndim", 0) in (0, 2):
        raise ValueError(f"X must be a sequence of sources, not a single {type(sources).__name__}: give [source]")
