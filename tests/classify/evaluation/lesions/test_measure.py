"""Measurements of slices, patients and data sets: hand-computed values."""

import numpy as np
import pytest

from lungct.classify.evaluation.lesions.figures import agreement, summarise
from lungct.classify.evaluation.lesions.measure import evaluate_lesions

from .made import LUNGS, NOTHING, Brightness, annotated, rectangle

DRAWN = rectangle((10, 20), (5, 17))  # 120 pixels, a fifth of the lungs
HALF = rectangle((10, 20), (5, 11))  # 60 of them


def measured(*scans):
    return evaluate_lesions(Brightness(), scans)


def figures_of(evaluation, data_set="set"):
    return summarise(evaluation)[data_set]["figures"]


def test_a_slice_is_compared_pixel_by_pixel():
    (row,) = measured(annotated(HALF, DRAWN)).rows
    assert (row["lung"], row["infected"], row["found"], row["both"]) == (600, 120, 60, 60)
    assert row["dice"] == pytest.approx(2 * 60 / 180)
    assert (row["sensitivity"], row["precision"]) == (0.5, 1)
    assert (row["true_share"], row["found_share"]) == (0.2, 0.1)
    assert row["error"] == pytest.approx(-0.1)
    assert (row["lesions"], row["lesions_hit"]) == (1, 1)


def test_infection_outside_of_the_lungs_is_missed_and_belongs_to_the_true_share():
    drawn = rectangle((0, 20), (5, 17))  # 240 pixels, half of them above the lungs
    (row,) = measured(annotated(drawn, drawn)).rows
    assert (row["found"], row["sensitivity"], row["precision"]) == (120, 0.5, 1)
    assert row["true_share"] == pytest.approx(240 / 720)
    assert row["found_share"] == pytest.approx(120 / 600)


def test_without_lung_nothing_is_found_and_there_is_no_share():
    evaluation = measured(annotated(DRAWN, DRAWN, lungs=NOTHING), annotated(DRAWN, DRAWN, "P2"))
    row = evaluation.rows[0]
    assert (row["found"], row["dice"], row["note"]) == (0, 0, "no lung found")
    assert np.isnan(row["error"])
    figures = figures_of(evaluation)
    assert figures["sensitivity"]["value"] == 0.5
    assert figures["share_error"] == {"value": 0, "interval": None, "slices": 1, "patients": 1}
    assert [figures[name]["lesions"] for name in ("lesions_hit", "small_lesions_hit", "large_lesions_hit")] == [2, 0, 1]
    assert summarise(evaluation)["set"]["slices_without_lung"] == 1


def test_pixels_are_pooled_by_patient_and_patients_weigh_the_same():
    evaluation = measured(
        annotated(DRAWN, DRAWN),
        annotated(HALF, DRAWN),
        annotated(HALF, NOTHING),  # found where nothing is drawn: lowers Dice and precision of P1
        annotated(DRAWN, DRAWN, "P2"),
        annotated(HALF, NOTHING, "P3"),  # no infection at all: not in these means
    )
    first, second, third = evaluation.patients()
    assert first["dice"] == pytest.approx(2 * 180 / (240 + 240))
    assert (first["sensitivity"], first["precision"]) == (0.75, 0.75)
    assert second["dice"] == second["auroc"] == 1
    assert np.isnan([third["dice"], third["auroc"]]).all()
    figures = figures_of(evaluation)
    assert figures["dice"]["value"] == pytest.approx((0.75 + 1) / 2)
    assert (figures["dice"]["slices"], figures["dice"]["patients"]) == (4, 2)
    assert figures["dice"]["interval"] is None  # so few patients
    assert figures["found_without_infection"]["value"] == 0.1
    assert (figures["found_without_infection"]["slices"], figures["found_without_infection"]["patients"]) == (2, 2)


def test_auroc_is_over_the_pixels_inside_the_lungs():
    outside = rectangle((0, 5), (0, 40))
    (row,) = measured(annotated(HALF | outside, DRAWN)).patients()
    # of 120 infected pixels 60 are above all 480 others, and 60 equal to them
    assert row["auroc"] == pytest.approx(0.5 + 0.25)


def test_small_and_large_lesions_are_counted_apart():
    small = rectangle((10, 11), (5, 15))  # 10 pixels
    lungs = np.ones_like(LUNGS)  # 1600
    large = rectangle((20, 30), (5, 15))  # 100
    figures = figures_of(measured(annotated(large, small | large, lungs=lungs), annotated(small, small, "P2", lungs)))
    assert figures["lesions_hit"]["value"] == pytest.approx(2 / 3, abs=1e-4)
    assert (figures["small_lesions_hit"]["value"], figures["small_lesions_hit"]["lesions"]) == (0.5, 2)
    assert (figures["large_lesions_hit"]["value"], figures["large_lesions_hit"]["lesions"]) == (1, 1)


def test_shares_have_errors_in_points_and_limits_of_agreement():
    pairs = [(HALF, DRAWN), (DRAWN, DRAWN), (DRAWN, HALF), (HALF, NOTHING), (NOTHING, HALF), (DRAWN, NOTHING)]
    figures = figures_of(measured(*(annotated(*pair, f"P{at}") for at, pair in enumerate(pairs))))
    errors = np.array([-10, 0, 10, 10, -10, 20.0])
    assert figures["share_error"]["value"] == 10
    assert figures["share_bias"]["value"] == pytest.approx(errors.mean(), abs=1e-3)
    spread = 1.96 * errors.std(ddof=1)
    assert figures["share_lower_limit"]["value"] == pytest.approx(errors.mean() - spread, abs=1e-3)
    assert figures["share_upper_limit"]["value"] == pytest.approx(errors.mean() + spread, abs=1e-3)
    low, high = figures["share_bias"]["interval"]
    assert low < errors.mean() < high


def test_limits_need_two_slices():
    assert np.isnan(agreement(np.array([0.1]))).all()
    assert agreement(np.array([-1.0, 1.0])) == pytest.approx((0, -1.96 * 2**0.5, 1.96 * 2**0.5))


def test_the_largest_miss_is_the_worst_slice_and_data_sets_are_apart():
    evaluation = measured(
        annotated(DRAWN, DRAWN),
        annotated(NOTHING, HALF, "P2"),
        annotated(NOTHING, DRAWN, "P3"),
        annotated(DRAWN, NOTHING, "P4", data_set="other"),
    )
    assert [one.row["patient"] for one in evaluation.lowest_dice] == ["P3", "P2", "P1"]
    assert [one.row["patient"] for one in evaluation.largest_error] == ["P3", "P4", "P2"]
    assert [found["slices"] for found in summarise(evaluation).values()] == [1, 3]
    other = figures_of(evaluation, "other")
    assert np.isnan(other["dice"]["value"])
    assert other["lesions_hit"]["lesions"] == 0


def test_a_classifier_without_a_map_and_no_scans_are_refused():
    with pytest.raises(ValueError, match="no map of infection"):
        evaluate_lesions(Brightness(has_map=False), [annotated(DRAWN, DRAWN)])
    with pytest.raises(ValueError, match="no scans"):
        evaluate_lesions(Brightness(), [])
