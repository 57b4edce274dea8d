"""Bootstrap intervals."""

import numpy as np
import pytest

from lungct.common.intervals import FEWEST, Statistic, bootstrap_interval, decimals, interval_of


def test_interval_of_a_mean_is_about_two_standard_errors_wide():
    values = np.random.default_rng(0).normal(5, 2, 400)
    lower, upper = bootstrap_interval([str(index) for index in range(400)], lambda at: float(values[at].mean()))
    assert lower < values.mean() < upper
    np.testing.assert_allclose(upper - lower, 2 * 1.96 * 2 / 20, rtol=0.15)


def test_groups_are_resampled_as_a_whole():
    """Ten patients with forty equal slices each are ten observations, not four hundred."""
    patients = np.random.default_rng(0).normal(5, 2, 10)
    values, groups = np.repeat(patients, 40), np.repeat(np.arange(10).astype(str), 40)
    lower, upper = bootstrap_interval(list(groups), lambda at: float(values[at].mean()))
    np.testing.assert_allclose(upper - lower, 2 * 1.96 * patients.std() / np.sqrt(10), rtol=0.2)


def test_undefined_resamples_are_left_out():
    groups = ["a", "b"]
    lower, upper = bootstrap_interval(groups, lambda at: 1.0 if len(set(at)) == 2 else float("nan"))
    assert (lower, upper) == (1, 1)


def share(values):
    return Statistic(lambda at: float(values[at].mean()), (np.ones(values.size, np.bool_),), is_share=True)


def test_few_patients_have_no_interval():
    values, patients = np.tile([True, False], 20), [f"p{number // 10}" for number in range(40)]
    assert interval_of(patients, share(values)) is None  # 4 patients, however many pictures
    assert interval_of([*patients[:39], "p4"], share(np.append(values[:39], True))) is not None
    classes = (np.arange(40) < FEWEST - 1, np.arange(40) >= FEWEST - 1)
    each_its_own = [str(number) for number in range(40)]
    assert interval_of(each_its_own, Statistic(lambda at: float(at.mean()), classes)) is None
    assert interval_of(each_its_own, Statistic(lambda at: float(at.mean()), classes[1:])) is not None


def test_identical_values_are_not_certain():
    """None of ten ill: by Clopper and Pearson up to 1 - 0.025 ** (1 / 10), not 0.000 to 0.000."""
    patients = [f"p{number // 3}" for number in range(30)]
    assert interval_of(patients, share(np.zeros(30))) == pytest.approx((0, 1 - 0.025**0.1))
    assert interval_of(patients, share(np.ones(30))) == pytest.approx((0.025**0.1, 1))
    everybody = (np.ones(30, np.bool_),)
    assert interval_of(patients, Statistic(lambda _at: 1.0, everybody)) is None  # not a share, but for example an AUC
    assert interval_of(patients, Statistic(lambda _at: float("nan"), everybody)) is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.8382, "0.838"), (0.0012, "0.001"), (0.00038, "0.00038"), (0.99962, "0.99962"), (0, "0.000"), (1, "1.000")],
)
def test_shares_near_0_and_1_keep_two_digits(value, shown):
    assert f"{value:.{decimals(value)}f}" == shown
