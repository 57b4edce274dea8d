"""Right and left lung."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lungct.lungseg.sides import LEFT, RIGHT, left_and_right


@pytest.fixture
def lungs():
    mask = np.zeros((120, 200), dtype=bool)
    mask[30:90, 20:85] = mask[30:90, 115:180] = True
    return mask


def test_the_lung_at_the_left_of_the_image_is_the_right_one(lungs):
    labels = left_and_right(lungs)
    assert labels.dtype == np.uint8
    assert (labels[30:90, 20:85] == RIGHT).all()
    assert (labels[30:90, 115:180] == LEFT).all()
    assert (labels[~lungs] == 0).all()


def test_lungs_that_touch_in_front_are_cut_where_they_touch(lungs):
    lungs[30:42, 85:115] = True
    labels = left_and_right(lungs)
    assert (labels[lungs] > 0).all()
    assert (labels[:, 20:85][lungs[:, 20:85]] == RIGHT).mean() > 0.99
    assert (labels[:, 115:180][lungs[:, 115:180]] == LEFT).mean() > 0.99


def test_a_lung_that_reaches_past_the_middle_stays_whole():
    mask = np.zeros((120, 200), dtype=bool)
    mask[30:90, 20:70] = True
    mask[30:90, 120:180] = mask[30:42, 85:120] = True  # the left lung crosses the middle in front of the heart
    labels = left_and_right(mask)
    assert (labels[mask & (np.arange(200) >= 80)] == LEFT).all()
    assert (labels[mask & (np.arange(200) < 80)] == RIGHT).all()


def test_a_single_lung_in_a_slice_is_labelled_by_the_whole_volume():
    mask = np.zeros((3, 120, 200), dtype=bool)
    mask[:2, 30:90, 5:60] = mask[:2, 30:90, 75:120] = True  # the patient lies off centre
    mask[2, 50:60, 80:95] = True
    assert set(np.unique(left_and_right(mask)[2])) == {0, LEFT}


def test_nothing_is_labelled_in_an_empty_mask():
    assert not left_and_right(np.zeros((2, 16, 16), dtype=bool)).any()


@given(arrays(np.bool_, st.tuples(st.integers(1, 3), st.integers(1, 24), st.integers(1, 24))))
def test_labels_cover_the_mask_and_nothing_else(mask):
    labels = left_and_right(mask)
    np.testing.assert_array_equal(labels > 0, mask)
    assert labels.max(initial=0) <= LEFT
