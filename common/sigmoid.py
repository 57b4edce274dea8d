"""The logistic function, which turns logits into probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

STEEPEST = 60.0
"""Logits are clipped to this: larger ones give 0 or 1 in float32, and the exponential would overflow."""


def sigmoid(logits: Any) -> Any:
    """Return 1 / (1 + exp(-logits)) in their own type, float32 or float64."""
    return 1 / (1 + np.exp(-np.clip(logits, -STEEPEST, STEEPEST)))
