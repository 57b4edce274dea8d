"""Define `PipelineSettings`: all options for opening and running the pipeline, in one object."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, Self, get_args

from ..classify import Explain, VolumeClassifier, checked_level
from ..common.modality import Modality
from ..lungseg import LungSegmenter
from ..sources import Intensity
from ..weights import SEGMENTERS, Engine, Precision, load_card
from ..weights.engines import choose_engine
from .pipeline import Pipeline


def _check(name: str, value: Any, known: tuple[Any, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(str, known))}, not {value!r}")


@dataclass(frozen=True)
class SegmenterSettings:
    """How lungs are found.

    To add an option, declare it here or in `PipelineSettings`, and its help text in `lungct.pipeline.commands.options`;
    batch, preprocess, Ray, adapters and commands use these.

    Parameters
    ----------
    modality : {"ct", "xray"}
        Networks for axial CT slices and volumes, or for frontal chest X-rays.
    intensity : {"hu", "display"}, optional
        What the values of arrays and files mean, if you know.
    segmenter : str, optional
        Path of a lung segmenter's card; by default, the shipped one for the modality.
    engine : {"auto", "openvino", "onnxruntime"}
        Inference engine; see `lungct.weights.Engine`.
    precision : {"f32", "bf16", "int8"}
        Numeric precision; see `lungct.weights.Precision`.
    threads : int, optional
        Processor threads; by default, as many as this process may use. Use 1 if several workers run in parallel.

    Raises
    ------
    ValueError
        For an invalid value; the message lists the valid ones.
    """

    modality: Modality = "ct"
    intensity: Intensity | None = None
    segmenter: str | None = None
    engine: Engine = "auto"
    precision: Precision = "f32"
    threads: int | None = None

    def __post_init__(self) -> None:
        _check("modality", self.modality, get_args(Modality))
        _check("intensity", self.intensity, (*get_args(Intensity), None))
        _check("engine", self.engine, get_args(Engine))
        _check("precision", self.precision, get_args(Precision))
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"threads must be 1 or more, or None for all, not {self.threads}")

    @property
    def of_segmenter(self) -> SegmenterSettings:
        """The settings of the first stage only."""
        return SegmenterSettings(**{field.name: getattr(self, field.name) for field in fields(SegmenterSettings)})

    def with_engine(self) -> Self:
        """Return the settings with the engine that "auto" means here, for a record."""
        return replace(self, engine=choose_engine(self.engine, self.precision))

    def open_segmenter(self, callers: int = 1) -> LungSegmenter:
        """Open the first stage.

        Parameters
        ----------
        callers : int
            Number of threads that will call it in parallel.

        Raises
        ------
        WeightsError
            When a network is missing or was modified, or the engine is not installed.
        """
        card = load_card(self.segmenter or SEGMENTERS[self.modality])
        return LungSegmenter(card, self.engine, self.precision, self.threads, callers)


@dataclass(frozen=True)
class PipelineSettings(SegmenterSettings):
    """Options for opening and running the pipeline.

    Parameters
    ----------
    modality, intensity, segmenter, engine, precision, threads
        As for `SegmenterSettings`.
    classifier : str, optional
        Path of a classifier's card; by default, the shipped one for the modality.
    volume_classifier : str, optional
        Path of a volume classifier's card, written by ``lungct train volume``. If `precision` is int8, it computes in
        f32.
    error_level : float
        Error level of `Prediction.prediction_set`, between 0 and 1.
    explain : {"lesions", "cam", "occlusion"}
        How the heatmap is made; see `Pipeline.predict`.

    Raises
    ------
    ValueError
        For an invalid value; the message lists the valid ones.
    """

    classifier: str | None = None
    volume_classifier: str | None = None
    error_level: float = 0.1
    explain: Explain = "lesions"

    def __post_init__(self) -> None:
        super().__post_init__()
        checked_level(self.error_level)
        _check("explain", self.explain, get_args(Explain))

    @property
    def of_predict(self) -> dict[str, Any]:
        """Keyword arguments for `Pipeline.predict` and `Pipeline.stream`."""
        return {"intensity": self.intensity, "explain": self.explain}

    def open(self, callers: int = 1, segmenter: LungSegmenter | None = None) -> Pipeline:
        """Open the networks.

        Parameters
        ----------
        callers : int
            Number of threads that will call `Pipeline.predict` in parallel.
        segmenter : LungSegmenter, optional
            The first stage, if already open.

        Raises
        ------
        WeightsError
            When a network is missing or was modified, or the engine is not installed.
        ValueError
            For stages of different modalities.
        """
        whole = None
        if self.volume_classifier is not None:
            precise: Precision = "f32" if self.precision == "int8" else self.precision
            whole = VolumeClassifier.from_card(self.volume_classifier, self.engine, precise, self.threads)
        return Pipeline.from_pretrained(
            self.modality,
            segmenter=segmenter or self.open_segmenter(callers),
            classifier=self.classifier,
            engine=self.engine,
            precision=self.precision,
            threads=self.threads,
            callers=callers,
            error_level=self.error_level,
            volume_classifier=whole,
        )


DEFAULTS = PipelineSettings()


def open_pipeline(settings: PipelineSettings = DEFAULTS) -> Pipeline:
    """Return the opened pipeline, cached in each process.

    Every process, including forked ones, opens its own; so objects that call this can be pickled, although opened
    networks can't.

    Raises
    ------
    WeightsError, ValueError
        As for `PipelineSettings.open`.
    """
    return _pipeline(os.getpid(), replace(settings, intensity=None, explain="lesions"))


def open_segmenter(settings: SegmenterSettings = DEFAULTS) -> LungSegmenter:
    """Return only the first stage of `open_pipeline`."""
    return _segmenter(os.getpid(), replace(settings.of_segmenter, intensity=None))


# The process is part of the key, because a fork inherits the cache but not the threads of its networks.
@cache
def _segmenter(_process: int, settings: SegmenterSettings) -> LungSegmenter:
    return settings.open_segmenter()


@cache
def _pipeline(process: int, settings: PipelineSettings) -> Pipeline:
    return settings.open(segmenter=_segmenter(process, settings.of_segmenter))
