"""Compute the classifier's losses: focal loss for classes, and cross-entropy with Dice for the map of infection.

Focal loss down-weights easy examples (Lin et al. 2017, arXiv 1708.02002); the Dice loss weighs small lesions as much as
large ones (Milletari et al. 2016, arXiv 1606.04797).
"""

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


SMOOTH = 50.0
"""Pixels added to both sides of the Dice loss, so that a batch with hardly any lesion is not all or nothing."""


def lesion_loss(targets: Any, logits: Any) -> Any:
    """Return the loss of the map of infection for each slice of a batch, (n,).

    It is twice the cross-entropy, averaged over the lung of each slice, plus one minus the Dice of the whole batch.

    Parameters
    ----------
    targets : tensor, shape (n, rows, columns, 2)
        Share of each place that is infected, and its weight: 0 outside the lungs and where infection is unknown.
    logits : tensor, shape (n, rows, columns, 1)
    """
    from keras import ops

    infected, weight = targets[..., :1], targets[..., 1:]
    places = (1, 2, 3)
    counted = ops.sum(weight, axis=places)
    entropy = ops.sum((ops.softplus(logits) - infected * logits) * weight, axis=places) / (counted + 1e-3)
    found = ops.sigmoid(logits) * weight
    both, either = ops.sum(found * infected), ops.sum(found + infected * weight)
    dice = (2 * both + SMOOTH) / (either + SMOOTH)
    return 2 * entropy + (1 - dice) * ops.cast(counted > 0, entropy.dtype)
