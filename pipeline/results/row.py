"""Turn a prediction into a row, with the columns that every table of results has."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from .data import PredictionData

SIDES = ("right", "left")

PER_LUNG: Mapping[str, str] = MappingProxyType({"ml": "volume_ml", "mean_hu": "mean_hu", "below_950": "below_950"})
"""Columns of each lung, and the statistic in each; see `LungStatistics`."""

FINDINGS: Mapping[str, str] = MappingProxyType(
    {
        "label": "string",
        "probability": "double",
        "interval_low": "double",
        "interval_high": "double",
        "prediction_set": "list<string>",
        "ood_score": "double",
        "infected_fraction": "double",
        **{f"{side}_lung_infected": "double" for side in SIDES},
        "infection_grade": "int64",
        "lung_fraction": "double",
        "lung_volume_ml": "double",
        **{f"{side}_lung_{name}": "double" for side in SIDES for name in PER_LUNG},
        "slices": "int64",
        "aggregation": "string",
        "warnings": "list<string>",
    }
)
"""Columns and their types, in order, for ``predictions.csv`` and a batch's Parquet files."""


def row_of(prediction: PredictionData) -> dict[str, Any]:
    """Return a prediction's values for the columns in `FINDINGS`, as JSON types."""
    low, high = prediction.interval or (None, None)
    return {
        "label": prediction.label,
        "probability": prediction.probability,
        "interval_low": low,
        "interval_high": high,
        "prediction_set": list(prediction.prediction_set),
        "ood_score": prediction.ood_score,
        **_of_infection(prediction),
        "lung_fraction": prediction.lung_fraction,
        "lung_volume_ml": prediction.lung_volume_ml,
        **_of_lungs(prediction),
        "slices": prediction.slices,
        "aggregation": prediction.aggregation,
        "warnings": list(prediction.warnings),
    }


def _of_infection(prediction: PredictionData) -> dict[str, float | int | None]:
    found = prediction.infection
    return {
        "infected_fraction": prediction.infected_fraction,
        **{f"{side}_lung_infected": None if found is None else found.sides[side] for side in SIDES},
        "infection_grade": None if found is None else found.grade,
    }


def _of_lungs(prediction: PredictionData) -> dict[str, float | None]:
    lungs = prediction.lungs or {}
    return {
        f"{side}_lung_{column}": getattr(lungs.get(side), statistic, None)
        for side in SIDES
        for column, statistic in PER_LUNG.items()
    }
