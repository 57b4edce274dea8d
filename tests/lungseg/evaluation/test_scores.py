"""Measures of agreement: hand-computed values and properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lungct.lungseg.evaluation.scores import dice, overlap_scores, share_kept, surface_distances

masks = arrays(np.bool_, (12, 14))


def test_scores_match_hand_computed_values():
    one, other = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    assert dice(one, other) == 1
    one[:2], other[1:3] = True, True
    assert overlap_scores(one, other) == {"dice": 0.5, "jaccard": 1 / 3, "sensitivity": 0.5, "specificity": 0.5}
    assert share_kept(one, other) == 0.5


@given(masks, masks)
def test_symmetry_and_bounds(one, other):
    scores = overlap_scores(one, other)
    assert 0 <= scores["jaccard"] <= scores["dice"] <= 1
    assert scores["dice"] == overlap_scores(other, one)["dice"]
    assert scores["jaccard"] == pytest.approx(scores["dice"] / (2 - scores["dice"]))


def test_distance_of_a_shifted_square_is_its_shift():
    one, other = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    one[10:30, 10:30] = True
    other[10:30, 13:33] = True
    pixels = surface_distances(one, other)
    assert 0 < pixels["surface_distance"] < 3
    assert pixels["hausdorff95"] == 3
    millimetres = surface_distances(one, other, (0.5, 2.0))
    assert millimetres["hausdorff95"] == 6


@given(masks)
def test_distance_to_itself_is_zero(mask):
    distances = surface_distances(mask, mask)
    assert all(value == 0 for value in distances.values()) if mask.any() else np.isnan(list(distances.values())).all()


@given(st.integers(1, 5))
def test_empty_comparisons_are_nan(side):
    empty = np.zeros((side, side), bool)
    assert np.isnan(surface_distances(empty, ~empty)["hausdorff95"])
    assert np.isnan(overlap_scores(empty, empty)["sensitivity"])
    assert np.isnan(share_kept(~empty, empty))
