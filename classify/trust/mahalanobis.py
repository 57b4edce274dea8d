"""Measure how far a slice is from the training data, by the Mahalanobis distance of the network's features.

Lee et al. 2018, "A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks", arXiv
1807.03888; with one Gaussian for both classes, because the class doesn't matter here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RIDGE = 1e-3
"""Ridge added to the covariance, as a share of the mean variance, so that small changes in cropping matter little."""


@dataclass(frozen=True, eq=False)
class Mahalanobis:
    """A Gaussian around the features of the training data.

    Parameters
    ----------
    mean : ndarray of float32, shape (features,)
    whitening : ndarray of float32, shape (features, features)
        Turns deviations from the mean into uncorrelated values of variance 1 / features.
    """

    mean: NDArray[np.float32]
    whitening: NDArray[np.float32]

    @classmethod
    def fit(cls, features: NDArray[np.float32], weights: NDArray[np.float64]) -> Mahalanobis:
        """Fit the Gaussian to features, float32 (n, features), with weights, float64 (n,)."""
        mean = np.average(features, axis=0, weights=weights)
        covariance = np.cov(features, rowvar=False, aweights=weights)
        size = len(mean)
        covariance += RIDGE * np.trace(covariance) / size * np.eye(size)
        inverse = np.linalg.inv(np.linalg.cholesky(covariance))
        return cls(mean.astype(np.float32), (inverse / np.sqrt(size)).astype(np.float32))

    def distance(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the distance of features, float32 (n, features), scaled to be about 1 for training data."""
        return np.asarray(np.linalg.norm((features - self.mean) @ self.whitening.T, axis=1), dtype=np.float32)
