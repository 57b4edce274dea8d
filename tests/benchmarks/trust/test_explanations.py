"""How heatmaps are measured against outlined infection."""

import numpy as np
import pytest

from benchmarks.trust.explanations import by_patient, measure


def test_measures_of_a_right_a_wrong_and_a_uniform_map():
    lung = np.zeros((20, 20), bool)
    lung[:, :10] = True
    infection = np.zeros_like(lung)
    infection[:4, :10] = True  # a fifth of the lung
    right = np.where(infection, 0.9, 0.3).astype(np.float32)
    assert measure(right, lung, infection) == pytest.approx((1, 0.2, 1, 1))
    wrong = np.where(infection, 0.6, 0.7).astype(np.float32)
    assert measure(wrong, lung, infection) == pytest.approx((0.1 / (0.1 + 4 * 0.2), 0.2, 0, 0))
    even = np.full(lung.shape, 0.75, np.float32)
    assert measure(even, lung, infection) == pytest.approx((0.2, 0.2, 0.2, 0.5))
    assert np.isnan(measure(even * 0.5, lung, infection)[0])


def test_patients_count_equally_and_slices_without_mass_not_at_all():
    values = [1.0, 0.0, np.nan, 0.25]
    np.testing.assert_allclose(by_patient(values, ["a", "a", "a", "b"]), [0.5, 0.25])
