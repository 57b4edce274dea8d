"""Estimators for scikit-learn: the pipeline as a classifier, regions of interest as features."""

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
    """What both share: they come fitted, and hold settings only, so that they can be cloned and pickled.

    Options are attributes, as scikit-learn wants it, so that ``set_params`` and grid searches reach them.
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


class LungClassifier(ClassifierMixin, _LungEstimator):  # type: ignore[misc]
    """The whole `Pipeline` as a classifier that comes fitted.

    X is a sequence of sources (paths, arrays, volumes: see `lungct.sources.read_scan`) or an array of slices
    (n, height, width) or (n, height, width, channels).

    Parameters
    ----------
    **options
        As for `lungct.pipeline.settings.PipelineSettings`, such as ``modality="xray"``; ``threads=1`` beside other
        workers (``n_jobs``).

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

    _of = PipelineSettings

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
        settings = self._settings
        pipe = open_pipeline(settings)
        each = (pipe.predict(without_channel(source), **settings.of_predict) for source in X)
        return [(prediction.label, prediction.probability) for prediction in each]


class LungRoiTransformer(TransformerMixin, _LungEstimator):  # type: ignore[misc]
    """Slices to regions of interest, flattened: a row of pixels for estimators that take features.

    Each slice is masked with its lungs, cropped to them, stretched and resized as the classifier's card says.

    Parameters
    ----------
    size : int
        Side of the region in pixels, so that there are ``size * size`` features.
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
        settings = self._settings
        card = load_card(CLASSIFIERS[settings.modality])
        preprocess = replace(RoiPreprocessing.from_dict(card.preprocessing), size=self.size)
        rows = [self._region(source, preprocess, settings).ravel() for source in X]
        return np.array(rows, dtype=np.float32).reshape(-1, self.size * self.size)

    def _region(self, source: Any, preprocess: RoiPreprocessing, settings: SegmenterSettings) -> NDArray[np.float32]:
        scan = read_scan(without_channel(source), intensity=settings.intensity)
        scan.check_is(settings.modality)
        if len(scan) > 1:
            raise SourceError(scan.source, f"holds {len(scan)} slices", "Give slices one by one, a row for each")
        scan, lungs = find_lungs(open_segmenter(settings), scan)
        if not lungs.mask.any():
            return np.zeros((self.size, self.size), dtype=np.float32)
        return preprocess(scan.pixels[0], scan.intensity, lungs.mask[0])[0]


def _check_several(sources: Iterable[Any]) -> None:
    """Refuse one source where several are meant: a path would be taken apart into letters, a slice into rows."""
    if is_single(sources) and getattr(sources, "ndim", 0) in (0, 2):
        raise ValueError(f"X must be a sequence of sources, not one {type(sources).__name__}: give [source]")
