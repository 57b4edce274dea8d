"""Compute the classifier's focal loss, which down-weights easy examples (Lin et al. 2017, arXiv 1708.02002)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

LogitLoss = Callable[[Any, Any], Any]
"""Takes targets in [0, 1] and logits, each (n, 1), and returns losses."""


def focal_loss(gamma: float, alpha: float) -> LogitLoss:
    """Return the focal loss, scaled so that an alpha of 0.5 gives both classes a weight of 1.

    Parameters
    ----------
    gamma : float
        0, which is cross-entropy, or at least 1: in between, the slope is infinite where the network is certain.
    alpha : float
        Weight of COVID; non-COVID has 1 - alpha.

    Raises
    ------
    ValueError
        For a gamma below 0 or between 0 and 1.
    """
    if gamma < 0 or 0 < gamma < 1:
        raise ValueError(f"gamma must be 0 or at least 1, not {gamma:g}")
    if gamma == 0:
        return lambda targets, logits: _cross_entropy(targets, logits, alpha)
    from focal_loss import binary_focal_loss

    def focal(targets: Any, logits: Any) -> Any:
        weight = alpha / (1 - alpha)
        # Without label_smoothing, focal-loss treats any target above 0 as 1, but teachers' targets are in between.
        losses = binary_focal_loss(targets, logits, gamma, pos_weight=weight, from_logits=True, label_smoothing=0.0)
        return 2 * (1 - alpha) * losses

    return focal


def _cross_entropy(targets: Any, logits: Any, alpha: float) -> Any:
    """Return weighted cross-entropy; focal-loss at gamma 0 would divide by zero where the network is certain."""
    from keras import ops

    return 2 * (alpha * targets * ops.softplus(-logits) + (1 - alpha) * (1 - targets) * ops.softplus(logits))
