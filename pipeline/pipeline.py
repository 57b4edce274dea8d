"""`Pipeline`: the two stages joined."""

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
from ..weights import CLASSIFIERS, SEGMENTERS, Engine, Precision, load_card
from .decision import LOOKS_LIKE, UNLIKE, label_of, ood_score, warnings_of
from .prediction import Prediction

Read = TypeVar("Read")

LUNG_WEIGHTED = "lung-weighted mean"
"""How a scan's probability comes from its slices', see `Prediction.aggregation`."""


class Pipeline:
    """Finds the lungs, masks everything else away, and scores what is left.

    Parameters
    ----------
    segmenter : LungSegmenter
        The first stage.
    classifier : Classifier
        The second stage.
    error_level : float
        Share of errors that `Prediction.prediction_set` may make, between 0 and 1.
    volume_classifier : VolumeClassifier, optional
        Judges scans of more than one slice as a whole, in place of the mean over their slices, which then only explain
        (`Prediction.slice_probabilities`, `heatmap`). Of it no interval and no prediction set are known.
    recognizer : Recognizer, optional
        Tells pictures of X-rays from pictures of CT slices; by default the shipped one.

    Attributes
    ----------
    modality : {"ct", "xray"}
        What it judges; scans of the other are refused by name.

    Raises
    ------
    ValueError
        For another level, or stages of different modalities.

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
                f"the segmenter {segmenter.card.name} is made for {segmenter.card.modality}, the classifier "
                f"{classifier.card.name} for {self.modality}; give two of one modality"
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
        """Open the shipped networks; no network connection is needed.

        Parameters
        ----------
        modality : {"ct", "xray"}
            Networks for axial CT slices and volumes, or for frontal chest X-rays. What the X-ray classifier can't
            tell, its card says (`Pipeline.classifier.card.caution`): read it first.
        engine : {"auto", "openvino", "onnxruntime"}
            What runs the networks, see `lungct.weights.Engine`.
        precision : {"f32", "bf16", "int8"}
            What they compute in; docs/performance.md says what each costs.
        threads : int, optional
            Processor threads; by default as many as this process may use.
        callers : int
            How many of your threads will call `predict` side by side, each with its share of the processor's.
        error_level : float
            Share of errors that `Prediction.prediction_set` may make, between 0 and 1.
        volume_classifier : VolumeClassifier, optional
            Of your own, see `Pipeline`; none is shipped.
        segmenter, classifier : path, optional
            Cards of networks of your own, in place of the shipped ones; a segmenter may be open already.

        Raises
        ------
        WeightsError
            When a network is missing or changed, or the engine is not installed.
        ValueError
            For another level or modality, or networks of different modalities.
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
        explain: Explain = "cam",
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        source: Iterable[Any],
        *,
        intensity: Intensity | None = None,
        limits: Limits | None = None,
        explain: Explain = "cam",
    ) -> list[Prediction]: ...

    def predict(
        self,
        source: Any,
        *,
        intensity: Intensity | None = None,
        limits: Limits | None = None,
        explain: Explain = "cam",
    ) -> Prediction | list[Prediction]:
        """Judge one source, or each of several.

        Parameters
        ----------
        source : path, DicomSeries, array_like, PIL.Image.Image, Scan, or an iterable of them
            See `lungct.sources.read_scan`.
        intensity : {"hu", "display"}, optional
            What the values of arrays and files mean, where you know.
        limits : Limits, optional
            Sizes beyond which a source is refused.
        explain : {"cam", "occlusion"}
            Where the heatmap comes from: the network's class activation map, at no cost, or the lungs hidden part by
            part, some 120 runs of the classifier for each slice with lung; see docs/explanations.md.

        Returns
        -------
        Prediction or list of Prediction
            One for one source, a list for an iterable.

        Raises
        ------
        SourceError
            When a source can't be read, or is known to be of the other modality; use `stream` to go on without it.
        ValueError
            For another explanation.
        """
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
        explain: Explain = "cam",
    ) -> Iterator[Prediction]:
        """Judge sources one by one, in order, holding one at a time in memory.

        Of a list or tuple the next is read meanwhile, so two are in memory; other iterables are asked for the next only
        when the one before is done.

        A source that can't be read becomes a `Prediction` with `error` set; the rest go on.

        Parameters
        ----------
        sources : iterable
            As for `predict`.
        intensity, limits, explain
            As for `predict`.
        """

        def read(item: Any) -> Scan | SourceError:
            try:
                return self._read(item, intensity=intensity, limits=limits)
            except SourceError as error:
                return error

        for scan in _read_ahead(read, sources):
            yield _failed(scan, self.provenance) if isinstance(scan, SourceError) else self._judge(scan, explain)

    def _judge(self, scan: Scan, explain: Explain) -> Prediction:
        """Judge a scan that was read; a volume classifier may refuse it, for want of a spacing."""
        try:
            return self._predict_scan(scan, explain)
        except SourceError as error:
            return _failed(error, self.provenance)

    def _read(self, source: Any, intensity: Intensity | None, limits: Limits | None) -> Scan:
        scan = read_scan(source, intensity=intensity, limits=limits)
        scan.check_is(self.modality)
        return scan

    def _predict_scan(self, scan: Scan, explain: Explain) -> Prediction:
        recognized = self.recognizer.recognize(scan)  # before anything is turned
        scan, lungs = find_lungs(self.segmenter, scan)
        result = self.classifier.classify(scan, lungs.mask, explain)
        score = ood_score(result, lungs.confidence, self.segmenter.least_confidence)
        refusals = [LOOKS_LIKE[recognized]] if recognized not in (None, self.modality) else []
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
            warnings=(*warnings_of(scan, lungs.flags, lung_found=result.probability is not None), *refusals),
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
    """Read the next of a sequence while one is judged; what makes its items one by one may count on being asked so."""
    return side_by_side(read, sources, threads=1, ahead=1) if isinstance(sources, Sequence) else map(read, sources)


def _failed(error: SourceError, provenance: dict[str, Any]) -> Prediction:
    return Prediction(
        error.source, None, None, np.zeros(0, dtype=np.float32), None, provenance=provenance, error=str(error)
    )
