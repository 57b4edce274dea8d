"""Temperature and threshold, on data with known answers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lungct.classify.calibration import calibrate, fit_temperature, sensitive_threshold, youden_threshold
from lungct.classify.evaluation.metrics import auc, expected_calibration_error, summarise

pytestmark = pytest.mark.train  # scikit-learn comes with the train extra


@pytest.mark.parametrize("factor", [0.5, 1, 4])
def test_temperature_corrects_logits_that_are_too_large(factor):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20000)
    covid = rng.random(20000) < 1 / (1 + np.exp(-logits))
    temperature = fit_temperature(logits * factor, covid)
    assert temperature == pytest.approx(factor, rel=0.05)
    probabilities = calibrate(logits * factor, temperature).astype(float)
    assert expected_calibration_error(probabilities, covid) < 0.02


@given(st.floats(-1e6, 1e6), st.floats(0.05, 20))
def test_calibrated_values_are_probabilities_and_symmetric(logit, temperature):
    probability = calibrate(logit, temperature)
    assert 0 <= probability <= 1
    assert probability + calibrate(-logit, temperature) == pytest.approx(1, abs=1e-6)


def test_youden_threshold_separates():
    probabilities = np.array([0.1, 0.2, 0.6, 0.7, 0.8])
    assert youden_threshold(probabilities, np.array([False, False, False, True, True])) == pytest.approx(0.65)
    assert 0 <= youden_threshold(np.full(4, 0.5), np.array([True, False, True, False])) <= 1


@given(st.lists(st.floats(0, 1, width=32), min_size=4, max_size=40), st.floats(0.05, 1), st.integers(1, 3))
def test_threshold_reaches_the_requested_sensitivity(values, sensitivity, every):
    probabilities = np.array(values)
    covid = np.arange(probabilities.size) % (every + 1) == 0
    threshold = sensitive_threshold(probabilities, covid, sensitivity)
    assert (probabilities[covid] >= threshold).mean() >= sensitivity - 1e-9
    lowest_found = probabilities[covid & (probabilities >= threshold)].min()
    assert (probabilities[covid] > lowest_found).mean() < sensitivity


def test_summary_matches_hand_computed_values():
    probabilities = np.tile([0.9, 0.6, 0.4, 0.1], 5)
    covid = np.tile([True, False, True, False], 5)
    figures = summarise(probabilities, covid, [str(number) for number in range(20)], 0.5)
    assert figures["auc"]["value"] == 0.75
    assert figures["accuracy"]["value"] == figures["sensitivity"]["value"] == figures["specificity"]["value"] == 0.5
    assert figures["brier"]["value"] == pytest.approx((0.01 + 0.36 + 0.36 + 0.01) / 4)
    assert figures["precision"]["value"] == figures["f1"]["value"] == 0.5
    assert figures["average_precision"]["value"] == pytest.approx((1 + 2 / 3) / 2, abs=1e-4)
    assert (figures["n"], figures["covid"], figures["patients"]) == (20, 10, 20)
    for name in ("auc", "accuracy"):
        lower, upper = figures[name]["interval"]
        assert lower <= figures[name]["value"] <= upper


def test_auc_of_one_class_is_unknown():
    assert np.isnan(auc(np.array([0.1, 0.2]), np.array([True, True])))


def test_the_accurate_threshold_weighs_pictures():
    from lungct.classify.calibration import accurate_threshold

    probabilities, covid = np.array([0.1, 0.2, 0.6, 0.4, 0.9]), np.array([False, False, False, True, True])
    assert accurate_threshold(probabilities, covid, np.ones(5)) == pytest.approx(0.75)  # of two equals, the higher one
    assert accurate_threshold(probabilities, covid, np.array([1, 1, 1, 3, 1.0])) == pytest.approx(0.3)
    assert accurate_threshold(np.array([0.2, 0.8]), np.array([True, False]), np.array([2.0, 1.0])) == 0.2
