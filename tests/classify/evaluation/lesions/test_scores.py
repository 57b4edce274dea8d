"""Lesions and AUROC from counts: hand-computed values, and agreement with scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from lungct.classify.evaluation.lesions.scores import auroc_of_counts, count_scores, lesions_of


def test_lesions_are_connected_parts_with_their_size_and_share_found():
    drawn = np.zeros((40, 40), bool)
    drawn[0:4, 0:5] = True  # 20 pixels
    drawn[4:8, 5:10] = True  # 20 more that touch at a corner
    drawn[20:22, 20:26] = True  # 12 pixels
    drawn[30:33, 30:33] = True  # 9: too few
    found = np.zeros((40, 40), bool)
    found[0:4] = True  # half of the first lesion, in all columns
    found[20:22, 20:25] = True
    large, small = lesions_of(drawn, found, lung=1000)
    assert (large.size, large.found, large.is_hit) == (0.04, 0.5, True)
    assert small.size == 0.012
    assert small.found == pytest.approx(10 / 12)
    found[3, 4] = False  # one pixel less than half
    assert not lesions_of(drawn, found, lung=1000)[0].is_hit


def test_size_is_unknown_without_lung():
    (only,) = lesions_of(np.ones((5, 5), bool), np.zeros((5, 5), bool), lung=0)
    assert np.isnan(only.size)
    assert not only.is_hit
    assert lesions_of(np.zeros((5, 5), bool), np.zeros((5, 5), bool), lung=9) == []


def test_auroc_of_counts_is_that_of_the_pixels_and_counts_add_up():
    rng = np.random.default_rng(0)
    infected = rng.random(20000) < 0.05
    probabilities = (1 / (1 + np.exp(-rng.normal(3 * infected - 4, 2)))).astype(np.float32)
    halves = [count_scores(probabilities[half], infected[half]) for half in (slice(9000), slice(9000, None))]
    assert halves[0].sum() == 9000
    assert auroc_of_counts(sum(halves)) == pytest.approx(roc_auc_score(infected, probabilities), abs=2e-5)


def test_auroc_of_certain_and_missing_classes():
    certain = count_scores(np.array([0, 1], np.float32), np.array([False, True]))
    assert auroc_of_counts(certain) == 1
    assert auroc_of_counts(certain[::-1]) == 0
    assert np.isnan(auroc_of_counts(count_scores(np.array([0.5], np.float32), np.array([True]))))
    assert np.isnan(auroc_of_counts(count_scores(np.zeros(0, np.float32), np.zeros(0, bool))))
