"""Define `Pipeline`, which runs both stages."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, get_args, overload

import numpy as np
from numpy.typing import NDArray

from ..classify import LABELS, Classifier, Explain, Recognizer, VolumeClassifier, checked_level
from ..common.modality import Modality
from ..common.threads import side_by_side
from ..lungseg import LungSegmenter, find_lungs
from ..sources import DicomSeries, Intensity, Limits, Scan, SourceError, read_scan
from ..sources.reader import is_single
from ..sources.scan import check_intensity
from ..weights import CLASSIFIERS, SEGMENTERS, Engine, Precision, load_card
from .decision import LOOKS_LIKE, UNLIKE, label_of, ood_score, warnings_of
from .panels import PANELS, has_several_panels
from .prediction import Prediction

Read = TypeVar("Read")

LUNG_WEIGHTED = "lung-weighted mean"
"""Name of how slice probabilities are combined; see `Prediction.aggregation`."""


class Pipeline:
    """Find the lungs, mask out everything else, and classify the rest.

    Parameters
    ----------
    segmenter : LungSegmenter
        The first stage.
    classifier : Classifier
        The second stage.
    error_level : float
        Error level of `Prediction.prediction_set`, between 0 and 1.
    volume_classifier : VolumeClassifier, optional
        Classifies scans of more than one slice as a whole, instead of averaging their slices, which are then used only
        for explanation (`Prediction.slice_probabilities`, `heatmap`). It gives no interval and no prediction set.
    recognizer : Recognizer, optional
        Distinguishes X-rays from CT slices; by default, the shipped one.

    Attributes
    ----------
    modality : {"ct", "xray"}
        Modality of the networks; scans of the other one are refused.

    Raises
    ------
    ValueError
        For an invalid error level, or stages of different modalities.

    Examples
    --------
    >>> from lungct.pipeline import Pipeline
    >>> pipe = Pipeline.from_pretrained()
    >>> pred = pipe.predict("examples/slices/covid19-ny-sbu-A002304.png")
    >>> pred.label in ("COVID", "non-COVID"), pred.lung_mask.shape
    (True, (512, 512))
    """

    def __init__(
        self,
        segmenter: LungSegmenter,
        classifier: Classifier,
        error_level: float = 0.1,
        volume_classifier: VolumeClassifier | None = None,
        recognizer: Recognizer | None = None,
    ) -> None:
        self.error_level = checked_level(error_level)
        self.modality: Modality = classifier.card.modality
        if segmenter.card.modality != self.modality:
            raise ValueError(
                f"the segmenter {segmenter.card.name} is for {segmenter.card.modality}, but the classifier "
                f"{classifier.card.name} is for {self.modality}; give two of the same modality"
            )
        self.segmenter = segmenter
        self.classifier = classifier
        self.recognizer = recognizer or Recognizer()
        self.provenance = {
            "segmenter": segmenter.provenance,
            "classifier": classifier.provenance,
            "recognizer": self.recognizer.provenance,
        }
        self.volume_classifier = volume_classifier
        if volume_classifier is not None:
            self.provenance["volume_classifier"] = volume_classifier.provenance

    @classmethod
    def from_pretrained(
        cls,
        modality: Modality = "ct",
        *,
        engine: Engine = "auto",
        precision: Precision = "f32",
        threads: int | None = None,
        callers: int = 1,
        error_level: float = 0.1,
        volume_classifier: VolumeClassifier | None = None,
        segmenter: LungSegmenter | str | Path | None = None,
        classifier: str | Path | None = None,
    ) -> Pipeline:
        """Open the shipped networks; no internet connection is needed.

        Parameters
        ----------
        modality : {"ct", "xray"}
            Networks for axial CT slices and volumes, or for frontal chest X-rays. Read the limits of the X-ray
            classifier in its card first (`Pipeline.classifier.card.caution`).
        engine : {"auto", "openvino", "onnxruntime"}
            Inference engine; see `lungct.weights.Engine`.
        precision : {"f32", "bf16", "int8"}
            Numeric precision; see docs/performance.md for the cost of each.
        threads : int, optional
            Processor threads; by default, as many as this process may use.
        callers : int
            Number of your threads that will call `predict` in parallel; each gets its share of the processor threads.
        error_level : float
            Error level of `Prediction.prediction_set`, between 0 and 1.
        volume_classifier : VolumeClassifier, optional
            Your own volume classifier, see `Pipeline`; none is shipped.
        segmenter, classifier : path, optional
            Cards of your own networks, to replace the shipped ones; `segmenter` may also be an opened one.

        Raises
        ------
        WeightsError
            When a network is missing or was modified, or the engine is not installed.
        ValueError
            For an invalid error level or modality, or networks of different modalities.
        """
        if modality not in get_args(Modality):
            raise ValueError(f"modality must be one of {', '.join(get_args(Modality))}, not {modality!r}")
        if not isinstance(segmenter, LungSegmenter):
            card = load_card(segmenter or SEGMENTERS[modality])
            segmenter = LungSegmenter(card, engine, precision, threads, callers)
        return cls(
            segmenter,
            Classifier(load_card(classifier or CLASSIFIERS[modality]), engine, precision, threads, callers),
            error_level,
            volume_classifier,
            Recognizer(None, engine, precision, threads, callers),
        )

    @overload
    def predict(  # type: ignore[overload-overlap] # a path is iterable too, but one source
        self,
        source: str | os.PathLike[str] | DicomSeries | Scan | NDArray[Any],
        *,
        intensity: Intensity | None = None,
        limits: Limits | None = None,
        explain: Explain = "lesions",
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        source: Iterable[Any],
        *,
        intensity: Intensity | None = None,
        limits: Limits | None = None,
        explain: Explain = "lesions",
    ) -> list[Prediction]: ...

    def predict(
        self,
        source: Any,
        *,
        intensity: Intensity | None = None,
        limits: Limits | None = None,
        explain: Explain = "lesions",
    ) -> Prediction | list[Prediction]:
        """Predict one source, or each of several.

        Parameters
        ----------
        source : path, DicomSeries, array_like, PIL.Image.Image, Scan, or an iterable of them
            See `lungct.sources.read_scan`.
        intensity : {"hu", "display"}, optional
            What the values of arrays and files mean, if you know.
        limits : Limits, optional
            Sizes beyond which a source is refused.
        explain : {"lesions", "cam", "occlusion"}
            What the heatmap shows: the map of infection; the class activation map, which networks without a map of
            infection give in its place; or what hiding the lungs part by part changes, with about 120 runs of the
            classifier per slice with lung. See docs/explanations.md.

        Returns
        -------
        Prediction or list of Prediction
            One prediction for one source, a list for an iterable.

        Raises
        ------
        SourceError
            When a source can't be read, or is known to be of the other modality; use `stream` to skip such sources.
        ValueError
            For an unknown `intensity` or `explain`.
        """
        check_intensity(intensity)
        read = partial(self._read, intensity=intensity, limits=limits)
        if is_single(source):
            return self._predict_scan(read(source), explain)
        return [self._predict_scan(scan, explain) for scan in _read_ahead(read, source)]

    def stream(
        self,
        sources: Iterable[Any],
        *,
        intensity: Intensity | None = None,
        limits: Limits | None = None,
        explain: Explain = "lesions",
    ) -> Iterator[Prediction]:
        """Predict sources one by one, in order, with one at a time in memory.

        For a list or tuple, the next source is read in the background, so two are in memory; other iterables are
        advanced only when the previous source is done.

        A source that can't be read gives a `Prediction` with `error` set, and the others are still predicted.

        Parameters
        ----------
        sources : iterable
            As for `predict`.
        intensity, limits, explain
            As for `predict`, which raises the same ValueError.
        """
        check_intensity(intensity)

        def read(item: Any) -> Scan | SourceError:
            try:
                return self._read(item, intensity=intensity, limits=limits)
            except SourceError as error:
                return error

        return (self._judge(scan, explain) for scan in _read_ahead(read, sources))

    def _judge(self, scan: Scan | SourceError, explain: Explain) -> Prediction:
        """Predict a scan; return an error if it is refused, for example by a volume classifier without a spacing."""
        if isinstance(scan, SourceError):
            return _failed(scan, self.provenance)
        try:
            return self._predict_scan(scan, explain)
        except SourceError as error:
            return _failed(error, self.provenance)

    def _read(self, source: Any, intensity: Intensity | None, limits: Limits | None) -> Scan:
        scan = read_scan(source, intensity=intensity, limits=limits)
        scan.check_is(self.modality)
        return scan

    def _predict_scan(self, scan: Scan, explain: Explain) -> Prediction:
        recognized = self.recognizer.recognize(scan)  # before an inversion is undone
        scan, lungs = find_lungs(self.segmenter, scan)
        result = self.classifier.classify(scan, lungs.mask, explain)
        score = ood_score(result, lungs.confidence, self.segmenter.least_confidence)
        refusals = [LOOKS_LIKE[recognized]] if recognized not in (None, self.modality) else []
        refusals += [PANELS] if self.modality == "ct" and has_several_panels(scan, lungs.mask) else []
        refusals += [UNLIKE] if score is not None and score > 1 else []
        whole = self.volume_classifier if len(scan) > 1 else None
        probability = whole.probability(scan, lungs.mask) if whole else result.probability
        threshold = (whole or self.classifier).threshold
        known = () if whole else self.classifier.prediction_set(probability, self.error_level)
        return Prediction(
            source=scan.source,
            label=label_of(probability, threshold, refused=bool(refusals)),
            probability=probability,
            slice_probabilities=result.slice_probabilities,
            lung_mask=lungs.mask[0] if len(scan) == 1 else lungs.mask,
            warnings=(*warnings_of(scan, lungs, lung_found=result.probability is not None), *refusals),
            provenance=self.provenance,
            scan=scan,
            classification=result,
            threshold=threshold,
            interval=None if whole else result.interval,
            prediction_set=LABELS if refusals else known,
            error_level=self.error_level,
            ood_score=score,
            caution=self.classifier.card.caution,
            aggregation="volume classifier" if whole else LUNG_WEIGHTED if len(scan) > 1 else "slice",
        )


def _read_ahead(read: Callable[[Any], Read], sources: Iterable[Any]) -> Iterator[Read]:
    """Read a sequence one source ahead; read other iterables, which may rely on it, strictly one by one."""
    return side_by_side(read, sources, threads=1, ahead=1) if isinstance(sources, Sequence) else map(read, sources)


def _failed(error: SourceError, provenance: dict[str, Any]) -> Prediction:
    return Prediction(
        error.source, None, None, np.zeros(0, dtype=np.float32), None, provenance=provenance, error=str(error)
    )
