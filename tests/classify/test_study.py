"""The slices of a scan that count, and what they add up to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lungct.classify.study import study_interval, study_probability, suspicious


def test_the_most_suspicious_lung_counts_first_and_one_slice_in_part():
    probabilities, lung = np.array([0.1, 0.9, 0.5, 0.0]), np.array([4.0, 1.0, 2.0, 0.0])
    np.testing.assert_allclose(suspicious(probabilities, lung, 2 / 7), [0, 1, 1, 0])
    np.testing.assert_allclose(suspicious(probabilities, lung, 1), lung)
    assert study_probability(probabilities, suspicious(probabilities, lung, 2 / 7)) == pytest.approx(0.7)
    assert study_probability(probabilities, lung) == pytest.approx((0.4 + 0.9 + 1.0) / 7)
    assert study_probability(probabilities, np.zeros(4)) is None


@given(
    arrays.arrays(np.float64, 6, elements=st.floats(0, 1)),
    arrays.arrays(np.float64, 6, elements=st.floats(0, 1e4)),
    st.floats(0.05, 1),
)
def test_counted_lung_adds_up_and_never_lowers_the_answer(probabilities, lung, share):
    counted = suspicious(probabilities, lung, share)
    assert counted.sum() == pytest.approx(share * lung.sum(), abs=1e-6)
    assert ((counted >= 0) & (counted <= lung + 1e-9)).all()
    if lung.sum() > 1:
        assert study_probability(probabilities, counted) >= study_probability(probabilities, lung) - 1e-9


def test_the_interval_contains_the_answer():
    heads = np.array([[-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]], np.float32)
    low, high = study_interval(heads, np.array([1.0, 1.0]), 0.5)
    assert low == pytest.approx(0.24, abs=0.02)
    assert high == pytest.approx(0.76, abs=0.02)
    assert study_interval(heads, np.array([1.0, 1.0]), 0.95)[1] == 0.95
