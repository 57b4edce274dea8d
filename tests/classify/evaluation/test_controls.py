"""Controls: hand-computed features, and scores that never come from the same patient."""

import numpy as np
import pytest

from lungct.classify.evaluation.controls import FEATURES, picture_features, trivial_scores


def test_features_match_hand_computed_values():
    pixels = np.zeros((4, 8), np.float32)
    pixels[0] = 1
    features = dict(zip(FEATURES, picture_features(pixels, "display"), strict=True))
    assert features["mean"] == features["white share"] == pytest.approx(0.25)
    assert features["black share"] == pytest.approx(0.75)
    assert features["border mean"] == pytest.approx(10 / 24)  # 8 + 1 + 1 of 24 counted, corners twice
    assert features["aspect"] == 2
    assert features["size"] == pytest.approx(np.log(32))


def test_trivial_scores_find_real_differences_only():
    pytest.importorskip("sklearn")
    from lungct.classify.evaluation.metrics import auc

    rng = np.random.default_rng(0)
    labels = np.repeat([True, False], 100)
    patients = [f"p{number // 5}" for number in range(200)]
    noise = rng.normal(size=(200, 7))
    assert 0.3 < auc(trivial_scores(noise, labels, patients), labels) < 0.7
    assert auc(trivial_scores(noise + 3 * labels[:, None], labels, patients), labels) > 0.99


def test_a_patients_own_mark_does_not_help():
    """Each patient has a unique mark, useless for other patients, so the score must stay near chance."""
    pytest.importorskip("sklearn")
    from lungct.classify.evaluation.metrics import auc

    rng = np.random.default_rng(1)
    marks = rng.normal(size=(20, 7))
    features = np.repeat(marks, 10, axis=0)
    labels = np.repeat(rng.permutation([True] * 10 + [False] * 10), 10)
    patients = np.repeat([f"p{number}" for number in range(20)], 10)
    assert auc(trivial_scores(features, labels, list(patients)), labels) < 0.8


def test_a_fold_may_lack_a_class_when_patients_have_both_labels():
    """If c and d form one fold, no patient with COVID is left for training."""
    pytest.importorskip("sklearn")
    patients = np.repeat(["a", "b", "c", "d"], [1, 3, 4, 5])
    labels = np.arange(13) >= 7  # c has both
    assert np.isnan(trivial_scores(np.random.default_rng(0).normal(size=(13, 7)), labels, list(patients))).all()


def test_one_patient_per_class_is_too_few():
    pytest.importorskip("sklearn")
    labels = np.array([True, True, False, False])
    assert np.isnan(trivial_scores(np.zeros((4, 7)), labels, ["a", "a", "b", "b"])).all()
