"""Fit an ensemble of heads, to estimate how a probability would change with other training patients.

Each head starts as the network's own, is refitted on a bootstrap sample of the training patients, and is kept close to
the original by a Gaussian prior (anchored ensembles: Pearce et al. 2020, arXiv 1810.05546). Their mean shift is
subtracted, so that the ensemble is centred on the network's own answer. The only cost is one matrix product with
features that are computed anyway.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...common.sigmoid import sigmoid

HEADS = 32

KEPT = 64
"""Number of principal components of the features in which heads may differ."""

PRIOR = 0.3
"""How strongly a head is kept close to the network's own: chosen so that, on validation pictures, the interval contains
90 % of the answers of three networks that were trained differently (see docs/trust.md)."""

FLAT = 1e-4
"""Components with a smaller spread than this share of the largest are dropped."""

STEPS = 15
"""Most steps of Newton's method."""

INTERVAL = (5.0, 95.0)
"""Percentiles of the heads' answers."""


class TrainingAnswers(NamedTuple):
    """The network's answers for its training data.

    Parameters
    ----------
    features : ndarray of float32, shape (n, features)
        The head's input features, averaged over all places.
    logits : ndarray of float64, shape (n,)
        Calibrated logits.
    covid : ndarray of bool, shape (n,)
    patients, sources : ndarray of str, shape (n,)
    weights : ndarray of float64, shape (n,)
        Weight of each slice.
    """

    features: NDArray[np.float32]
    logits: NDArray[np.float64]
    covid: NDArray[np.bool_]
    patients: NDArray[np.str_]
    sources: NDArray[np.str_]
    weights: NDArray[np.float64]


def fit_heads(said: TrainingAnswers, seed: int = 0) -> NDArray[np.float32]:
    """Fit the heads and return their differences from the network's own, float32 (HEADS, features + 1), bias last."""
    mean = np.average(said.features, axis=0, weights=said.weights)
    share = said.weights / said.weights.sum()
    _, values, directions = np.linalg.svd((said.features - mean) * np.sqrt(share)[:, None], full_matrices=False)
    kept = min(KEPT, int((values > FLAT * values[0]).sum()))
    scaled = directions[:kept] / values[:kept, None]
    inputs = np.column_stack([(said.features - mean) @ scaled.T, np.ones(len(said.features))])
    names, patient = np.unique(said.patients, return_inverse=True)
    source = said.sources[np.unique(patient, return_index=True)[1]]
    rng = np.random.default_rng(seed)
    drawn = (_bootstrap(source, rng)[patient] * share * len(names) for _ in range(HEADS))
    fitted = np.array([_fit(inputs, said.logits, said.covid, weights) for weights in drawn])
    apart = fitted - fitted.mean(axis=0)
    slopes = apart[:, :-1] @ scaled
    return np.column_stack([slopes, apart[:, -1] - slopes @ mean]).astype(np.float32)


def _bootstrap(source: NDArray[np.str_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Resample patients with replacement within each source, and return how often each was drawn."""
    counts = np.zeros(len(source), dtype=np.int64)
    for name in np.unique(source):
        members = np.flatnonzero(source == name)
        counts += np.bincount(rng.choice(members, len(members)), minlength=len(source))
    return counts


def _fit(
    inputs: NDArray[np.float64], logits: NDArray[np.float64], covid: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the change of the head that minimises cross-entropy plus prior, by Newton's method."""
    change = np.zeros(inputs.shape[1])
    prior = PRIOR * np.eye(len(change))
    for _ in range(STEPS):
        said = sigmoid(logits + inputs @ change)
        slope = inputs.T @ (weights * (said - covid)) + PRIOR * change
        curvature = (inputs * (weights * said * (1 - said))[:, None]).T @ inputs + prior
        step = np.linalg.solve(curvature, slope)
        change -= step
        if np.abs(step).max() < 1e-6:
            break
    return change


def head_logits(heads: NDArray[np.float32], features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each head's logit minus the network's, float32 (n, HEADS), for features (n, features)."""
    return np.asarray(features @ heads[:, :-1].T + heads[:, -1], dtype=np.float32)
