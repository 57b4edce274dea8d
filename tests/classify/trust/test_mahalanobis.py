"""Distances from the training data."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lungct.classify.trust.mahalanobis import Mahalanobis


def correlated(rng, n, size=6):
    mix = rng.normal(size=(size, size)) + 2 * np.eye(size)
    return (rng.normal(size=(n, size)) @ mix + 5).astype(np.float32)


def test_distance_is_about_one_inside_and_grows_outside():
    features = correlated(np.random.default_rng(0), 2000)
    known = Mahalanobis.fit(features, np.ones(len(features)))
    inside = known.distance(features)
    assert 0.9 < np.sqrt(np.mean(inside**2)) < 1.01
    assert known.distance(known.mean[None])[0] == 0
    assert known.distance(known.mean[None] + 100)[0] > inside.max()


@given(seed=st.integers(0, 1000), scale=st.floats(0.01, 100))
def test_distance_does_not_depend_on_units(seed, scale):
    features = correlated(np.random.default_rng(seed), 300)
    weights = np.ones(len(features))
    distances = Mahalanobis.fit(features, weights).distance(features)
    assert np.allclose(Mahalanobis.fit(features * scale, weights).distance(features * scale), distances, rtol=1e-2)


def test_slices_are_weighted():
    rng = np.random.default_rng(1)
    many, few = rng.normal(0, 1, (900, 3)).astype(np.float32), rng.normal(8, 1, (30, 3)).astype(np.float32)
    features = np.concatenate([many, few])
    weights = np.concatenate([np.full(900, 1 / 900), np.full(30, 1 / 30)])
    assert np.allclose(Mahalanobis.fit(features, weights).mean, 4, atol=0.3)
