"""What the slices of a scan add up to."""

import numpy as np
import pytest

from lungct.classify.study import study_interval, study_probability


def test_slices_count_by_their_lung():
    probabilities, lung = np.array([0.1, 0.9, 0.5, np.nan], np.float32), np.array([4.0, 1.0, 2.0, 0.0])
    assert study_probability(probabilities, lung) == pytest.approx((0.4 + 0.9 + 1.0) / 7)
    assert study_probability(probabilities, np.zeros(4)) is None


def test_the_interval_contains_the_answer():
    heads = np.array([[-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]], np.float32)
    low, high = study_interval(heads, np.array([1.0, 1.0]), 0.5)
    assert low == pytest.approx(0.24, abs=0.02)
    assert high == pytest.approx(0.76, abs=0.02)
    assert study_interval(heads, np.array([1.0, 1.0]), 0.95)[1] == 0.95
