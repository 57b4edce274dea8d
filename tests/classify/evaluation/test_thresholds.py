"""Hand-computed predictive values, held-out sources, and the effect of refusal."""

import numpy as np
import pytest

from lungct.classify.evaluation.coverage import conformal_coverage, coverage_curve, coverage_table
from lungct.classify.evaluation.metrics import auc, average_precision, expected_calibration_error, predictive_value
from lungct.classify.evaluation.thresholds import distinct, threshold_table
from lungct.classify.evaluation.transfer import leave_one_source_out
from lungct.common.page import figure_in_words


def test_predictive_values_match_hand_computed_ones():
    assert predictive_value(0.9, 0.8, 0.05) == pytest.approx(0.045 / (0.045 + 0.19))
    assert predictive_value(0.8, 0.9, 0.95) == pytest.approx(0.76 / (0.76 + 0.005))
    assert np.isnan(predictive_value(0.0, 1.0, 0.05))


def test_threshold_table_matches_hand_computed_values():
    pytest.importorskip("sklearn")
    probabilities = np.array([0.95, 0.8, 0.6, 0.3, 0.7, 0.2, 0.15, 0.05])
    covid = np.array([True] * 4 + [False] * 4)
    rows = {row["threshold"]: row for row in threshold_table(probabilities, covid, list("abcdefgh"), 0.65, (0.1,))}
    own = rows[0.65]
    assert own["chosen"] == "the network's own"
    assert own["sensitivity"]["value"] == 0.5
    assert own["specificity"]["value"] == 0.75
    assert own["PPV at 0.1"]["value"] == pytest.approx(0.05 / (0.05 + 0.225), abs=1e-4)
    assert own["NPV at 0.1"]["value"] == pytest.approx(0.675 / (0.675 + 0.05), abs=1e-4)
    sensitive = next(row for row in rows.values() if "sensitive" in row["chosen"])
    assert sensitive["sensitivity"]["value"] == 1
    ill_alone = threshold_table(probabilities[:4], covid[:4], list("abcd"), 0.5, ())
    assert [row["threshold"] for row in ill_alone] == [0.1, 0.25, 0.5, 0.75, 0.9]
    assert ill_alone[2]["sensitivity"] == {"value": 0.75, "interval": None}
    assert np.isnan(ill_alone[2]["specificity"]["value"])


def test_rare_disease_keeps_digits_and_each_prevalence_has_its_columns():
    pytest.importorskip("sklearn")
    probabilities, covid = np.tile([0.9, 0.9, 0.1, 0.1, 0.1], 8), np.tile([True, False, False, False, True], 8)
    patients = [str(number) for number in range(40)]
    prevalences = distinct((0.0001, 0.1234, 0.12341))
    row = next(
        row for row in threshold_table(probabilities, covid, patients, 0.65, prevalences) if "own" in row["chosen"]
    )
    assert row["PPV at 0.0001"]["value"] == pytest.approx(0.5e-4 / (0.5e-4 + 0.9999 / 3), rel=1e-2)
    assert figure_in_words(row["PPV at 0.0001"]).startswith("0.00015 (0.0000")
    assert row["PPV at 0.1234"]["value"] < row["PPV at 0.12341"]["value"] + 1e-9
    assert sum(name.startswith("PPV") for name in row) == 3
    with pytest.raises(ValueError, match=r"0\.1 is given twice"):
        distinct((0.1, 0.2, 0.1000000001))


def test_auc_from_ranks_equals_that_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for _ in range(20):
        covid = rng.random(50) < 0.4
        scores = np.round(rng.random(50) + 0.2 * covid, 1)  # with ties
        assert auc(scores, covid) == pytest.approx(metrics.roc_auc_score(covid, scores))
        assert average_precision(scores, covid) == pytest.approx(metrics.average_precision_score(covid, scores))
    assert expected_calibration_error(np.array([0.05, 0.05, 0.95]), np.array([True, False, True])) == pytest.approx(
        (2 * 0.45 + 0.05) / 3
    )


def test_settings_from_other_sources_are_measured_on_the_one_left_out():
    """One hospital's probabilities are shifted up, so the others' settings call nearly everybody there ill."""
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    covid = np.tile([True, False], 150)
    sources = np.repeat(["a", "b", "shifted"], 100)
    logits = np.where(covid, 1.5, -1.5) + rng.normal(0, 1, 300) + 4 * (sources == "shifted")
    rows = leave_one_source_out(1 / (1 + np.exp(-logits)), covid, [f"p{n}" for n in range(300)], list(sources), 0.5)
    assert [(row["left out"], row["settings from"]) for row in rows] == [
        (source, settings) for source in ("a", "b", "shifted") for settings in ("other sources", "training")
    ]
    assert rows[4]["specificity"]["value"] < 0.3
    assert rows[4]["n"] == 100
    assert rows[1]["specificity"]["value"] > 0.8
    assert rows[0]["specificity"]["value"] < rows[0]["sensitivity"]["value"] + 0.3
    assert leave_one_source_out(np.full(300, 0.5), covid, ["p"] * 300, ["a"] * 300, 0.5) == []


def test_refusing_the_doubtful_raises_accuracy():
    correct = np.array([True, True, False, True, False])
    curve = coverage_curve(np.array([0.1, 0.2, 0.9, 0.3, 0.8]), correct)
    np.testing.assert_allclose(curve.coverage, [0.2, 0.4, 0.6, 0.8, 1])
    np.testing.assert_allclose(curve.accuracy, [1, 1, 1, 0.75, 0.6])
    table = coverage_table(np.arange(100.0), np.arange(100) < 80, [str(number) for number in range(100)])
    assert [row["n"] for row in table] == [100, 95, 90, 80, 50]
    assert [row["accuracy"]["value"] for row in table] == [0.8, round(80 / 95, 4), round(80 / 90, 4), 1, 1]


def test_inputs_with_equal_scores_are_answered_together():
    """Ten are surest and ninety are equal, so at 95 % answered only the ten can be separated."""
    scores, correct = np.repeat([0.0, 1.0], [10, 90]), np.arange(100) % 2 == 0
    table = coverage_table(scores, correct, [str(number) for number in range(100)])
    assert [row["n"] for row in table] == [100, 10, 10, 10, 10]
    alike = coverage_table(np.zeros(100), correct, [str(number) for number in range(100)])
    assert [row["n"] for row in alike] == [100, 0, 0, 0, 0]
    assert np.isnan(alike[1]["accuracy"]["value"])


def test_prediction_sets_hold_the_true_label_as_often_as_counted():
    sets = [("COVID",), ("COVID", "non-COVID"), (), ("non-COVID",), ("COVID",)]
    truth = ["COVID", "COVID", "COVID", "non-COVID", "non-COVID"]
    whole, ill, others = conformal_coverage(sets, truth, list("abcde"))
    assert whole["holds it"]["value"] == 0.6
    assert ill["holds it"]["value"] == pytest.approx(2 / 3, abs=1e-4)
    assert others["holds it"]["value"] == 0.5
    assert (whole["no label"], whole["one label"], whole["both labels"]) == (1, 3, 1)
