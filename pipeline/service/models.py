"""Define the types of the service's answers, for its OpenAPI description."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from ...classify import Explain

Probability = Field(ge=0, le=1)


class NetworkModel(BaseModel):
    """Weights that were used."""

    name: str
    version: str
    precision: str
    sha256: str


class LungModel(BaseModel):
    """Statistics of one lung."""

    volume_ml: float
    mean_hu: float | None
    below_950: float | None = Field(description="Share of the volume below -950 HU.")


class InfectionModel(BaseModel):
    """How much of the lungs is infected."""

    right: float | None = Field(
        ge=0, le=1, description="Infected share of the patient's right lung; null if that was not found."
    )
    left: float | None = Field(
        ge=0, le=1, description="Infected share of the patient's left lung; null if that was not found."
    )
    grade: int = Field(
        ge=0, le=4, description="0: no infection found. 1 to 4: up to 25, 50, 75 and 100 % of the lungs infected."
    )
    slices: list[float | None] = Field(description="Infected share of each slice's lungs; null without lung.")


class PredictionAnswer(BaseModel):
    """Prediction for one scan; see `lungct.pipeline.Prediction.to_dict`."""

    source: str = Field(description='Always "upload": file names are not used.')
    label: Literal["COVID", "non-COVID", "indeterminate"]
    probability: float | None = Field(ge=0, le=1, description="Calibrated probability of COVID; null without lung.")
    aggregation: str | None = Field(description="How the probability was computed from the slices.")
    threshold: float | None = Field(description="Lowest probability at which the label is COVID.")
    interval: tuple[float, float] | None = Field(description="90 % interval of the probability.")
    prediction_set: list[str] = Field(description="Labels that can't be ruled out at error_level.")
    error_level: float = Probability
    ood_score: float | None = Field(description="Above 1 the scan is unlike the training data; null without lung.")
    slice_probabilities: list[float | None] = Field(description="Null for slices without lung.")
    explain: Explain | None = Field(
        description="What the heatmap shows: the probability of infection (lesions), or the evidence for COVID, from "
        "the class activation map (cam) or by hiding parts of the lungs (occlusion)."
    )
    infected_fraction: float | None = Field(
        ge=0,
        le=1,
        description="Infected share of the lungs, by volume if the spacing is known; null without lung, and if the "
        "network has no map of infection.",
    )
    infection: InfectionModel | None = Field(description="Null whenever infected_fraction is null.")
    lung_fraction: float = Field(ge=0, le=1, description="Share of all pixels that is lung.")
    lung_volume_ml: float | None = Field(description="Only for volumes with a known spacing.")
    lungs: dict[str, LungModel] | None = Field(description="Right and left lung of calibrated volumes.")
    warnings: list[str] = Field(description="Warning codes.")
    error: None = None
    caution: str = Field(description="What every user of this classifier must know; empty if there is nothing special.")
    provenance: dict[str, NetworkModel]
    disclaimer: str


class SegmentationAnswer(BaseModel):
    """Segmentation of one scan."""

    source: str = Field(description='Always "upload": file names are not used.')
    slices: int = Field(ge=1)
    lung_fraction: float = Field(ge=0, le=1, description="Share of all pixels that is lung.")
    lung_volume_ml: float | None = Field(description="Only for volumes with a known spacing.")
    slice_confidences: list[float] = Field(description="Expected Dice of each slice; 0 without lung.")
    warnings: list[str] = Field(description="Warning codes.")
    provenance: dict[str, NetworkModel]
    disclaimer: str


class ModelsAnswer(BaseModel):
    """The networks in use, and what their cards say."""

    lungct: str = Field(description="Version of the software.")
    models: dict[str, ModelCard]
    disclaimer: str


class ModelCard(NetworkModel):
    """A network and what its card says."""

    task: str
    licence: str
    validation: dict[str, object] = Field(description="Metrics on validation data, with intervals.")


class StatusAnswer(BaseModel):
    """State of the service."""

    status: Literal["ok", "stuck", "ready"]


class Failure(BaseModel):
    """What went wrong."""

    code: str = Field(description="Machine-readable code.")
    message: str = Field(description="What is wrong, and what to do about it.")
    request_id: str = Field(description="Also in the header X-Request-ID and in the service's log.")


class ErrorAnswer(BaseModel):
    """The answer to every failed request."""

    error: Failure


ModelsAnswer.model_rebuild()
