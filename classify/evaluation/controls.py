"""Score controls: what can be predicted without lung tissue, or from simple features such as brightness.

A classifier that is hardly better than these has learnt how the pictures were made, not what they show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...sources import Intensity
from ...sources.intensity import LUNG_WINDOW, apply_window
from ..data.dataset import Example
from ..roi import Region

CONTROLS: tuple[Region, ...] = ("erased", "mask")
"""Regions without lung tissue that are given to the same network."""

FEATURES = ("mean", "standard deviation", "white share", "black share", "border mean", "aspect", "size")
"""Names of the values that `picture_features` returns, in order."""

WHITE, BLACK = 0.98, 0.02
"""Grey values, 0 to 1, from which a pixel counts as white, and up to which it counts as black."""

FOLDS = 5

FEWEST_PATIENTS = 5
"""Sources with fewer patients are left out when the source is predicted."""


def picture_features(pixels: NDArray[np.float32], intensity: Intensity) -> NDArray[np.float64]:
    """Return trivial features of a slice, float64 (7,), see `FEATURES`; the border is the outermost pixels."""
    grey = apply_window(pixels, intensity, LUNG_WINDOW)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    height, width = grey.shape
    return np.array(
        [
            grey.mean(), grey.std(), (grey >= WHITE).mean(), (grey <= BLACK).mean(), border.mean(),
            width / height, np.log(height * width),
        ],
        dtype=np.float64,
    )  # fmt: skip


def trivial_scores(
    features: NDArray[np.float64], labels: NDArray[np.bool_], patients: Sequence[str]
) -> NDArray[np.float64]:
    """Score each picture by a logistic regression on trivial features, trained on other patients.

    Parameters
    ----------
    features : ndarray of float64, shape (n, features)
    labels : ndarray of bool, shape (n,)
    patients : sequence of str

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN if there are too few patients for cross-validation, or some training folds would have only one class.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    groups = np.asarray(patients)
    smallest = min(len(set(groups[labels])), len(set(groups[~labels])))
    if smallest < 2:
        return np.full(labels.shape, np.nan)
    folder = StratifiedGroupKFold(min(FOLDS, smallest), shuffle=True, random_state=0)
    folds = list(folder.split(features, labels, groups))
    if any(not test.size or np.unique(labels[train]).size < 2 for train, test in folds):  # patients of both labels
        return np.full(labels.shape, np.nan)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    scores = cross_val_predict(model, features, labels, cv=folds, method="predict_proba")
    return np.asarray(scores[:, 1], dtype=np.float64)


def source_accuracy(features: NDArray[np.float32], examples: Sequence[Example]) -> dict[str, Any] | None:
    """Measure how well the source of pictures can be predicted from a network's features, on other patients.

    Parameters
    ----------
    features : ndarray of float32, shape (n, features)
    examples : sequence of Example

    Returns
    -------
    dict or None
        The balanced accuracy of a logistic regression, the value of guessing, and the sources. None with fewer than two
        sources of `FEWEST_PATIENTS`.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    sources, patients = (np.array([getattr(item, name) for item in examples]) for name in ("source", "patient"))
    names = [name for name in sorted(set(sources)) if len(set(patients[sources == name])) >= FEWEST_PATIENTS]
    if len(names) < 2:
        return None
    kept = np.isin(sources, names)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    found = cross_val_predict(model, features[kept], sources[kept], groups=patients[kept], cv=folds)
    accuracy = float(balanced_accuracy_score(sources[kept], found))
    return {"balanced_accuracy": round(accuracy, 3), "guessing": round(1 / len(names), 3), "sources": names}
