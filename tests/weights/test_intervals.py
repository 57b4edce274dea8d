"""Bootstrap intervals."""

import numpy as np

from lungct.weights.intervals import bootstrap_interval


def test_interval_of_a_mean_is_about_two_standard_errors_wide():
    values = np.random.default_rng(0).normal(5, 2, 400)
    lower, upper = bootstrap_interval([str(index) for index in range(400)], lambda at: float(values[at].mean()))
    assert lower < values.mean() < upper
    np.testing.assert_allclose(upper - lower, 2 * 1.96 * 2 / 20, rtol=0.15)


def test_groups_are_drawn_whole():
    """Ten patients of forty equal slices each know ten things, not four hundred."""
    patients = np.random.default_rng(0).normal(5, 2, 10)
    values, groups = np.repeat(patients, 40), np.repeat(np.arange(10).astype(str), 40)
    lower, upper = bootstrap_interval(list(groups), lambda at: float(values[at].mean()))
    np.testing.assert_allclose(upper - lower, 2 * 1.96 * patients.std() / np.sqrt(10), rtol=0.2)


def test_draws_without_an_answer_are_left_out():
    groups = ["a", "b"]
    lower, upper = bootstrap_interval(groups, lambda at: 1.0 if len(set(at)) == 2 else float("nan"))
    assert (lower, upper) == (1, 1)
