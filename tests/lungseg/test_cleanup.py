"""Mask clean-up."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lungct.lungseg import clean_mask


def test_specks_go_holes_close_and_both_lungs_stay():
    mask = np.zeros((200, 200), dtype=bool)
    mask[50:150, 20:80] = mask[50:150, 120:180] = True
    wanted = mask.copy()
    mask[5:8, 5:8] = True
    mask[100:104, 40:44] = False
    np.testing.assert_array_equal(clean_mask(mask), wanted)


def test_a_large_hole_stays():
    mask = np.zeros((200, 200), dtype=bool)
    mask[50:150, 20:120] = True
    mask[80:120, 50:90] = False
    np.testing.assert_array_equal(clean_mask(mask), mask)


@given(arrays(np.bool_, (40, 40)))
def test_cleaning_twice_changes_nothing_more(mask):
    once = clean_mask(mask)
    assert once.dtype == np.bool_
    np.testing.assert_array_equal(clean_mask(once), once)


@given(st.integers(32, 64), st.integers(32, 64))
def test_empty_stays_empty(height, width):
    assert not clean_mask(np.zeros((height, width), dtype=bool)).any()
