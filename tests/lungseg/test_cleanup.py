"""Mask clean-up for slices and volumes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lungct.lungseg import clean_mask


@pytest.fixture
def lungs():
    mask = np.zeros((200, 200), dtype=bool)
    mask[50:150, 20:80] = mask[50:150, 120:180] = True
    return mask


def test_cleaning_removes_specks_and_air_fills_holes_and_keeps_both_lungs(lungs):
    wanted = lungs.copy()
    lungs[5:8, 5:8] = True
    lungs[190, 20:180] = True
    lungs[195:, 150:] = lungs[160:, 195:] = True
    lungs[20:40, :5] = True
    lungs[100:104, 40:44] = False
    np.testing.assert_array_equal(clean_mask(lungs), wanted)


def test_lungs_of_a_tight_crop_may_fill_its_border(lungs):
    crop = lungs[60:140, 20:180]
    np.testing.assert_array_equal(clean_mask(crop), crop)


def test_a_dome_and_a_small_lung_are_kept(lungs):
    lungs[80:120, 30:70] = False
    lungs[:, 120:] = False
    lungs[60:70, 140:150] = True
    np.testing.assert_array_equal(clean_mask(lungs), lungs)


def test_in_a_volume_tips_are_kept_holes_filled_and_gas_removed(lungs):
    volume = np.stack([np.zeros_like(lungs), lungs, lungs, np.zeros_like(lungs)])
    volume[3, 90:93, 40:43] = True  # the tip, above the lung: too small for a single slice
    wanted = volume.copy()
    volume[1, 100:104, 40:44] = False  # a vessel
    volume[0, 90:105, 90:105] = True  # gas, separate from the lungs
    np.testing.assert_array_equal(clean_mask(volume), wanted)
    assert not clean_mask(volume[3]).any()


@given(arrays(np.bool_, st.tuples(st.integers(1, 3), st.just(30), st.just(34))))
def test_cleaning_keeps_shape_and_type_and_adds_only_holes(masks):
    once = clean_mask(masks)
    assert once.dtype == np.bool_
    assert once.shape == masks.shape


@given(arrays(np.bool_, (40, 40)))
def test_cleaning_a_slice_twice_changes_nothing_more(mask):
    once = clean_mask(mask)
    np.testing.assert_array_equal(clean_mask(once), once)


@given(st.integers(32, 64), st.integers(32, 64))
def test_empty_stays_empty(height, width):
    assert not clean_mask(np.zeros((height, width), dtype=bool)).any()


@given(arrays(np.bool_, st.tuples(st.integers(2, 5), st.integers(4, 12), st.integers(4, 12))))
def test_components_of_a_volume_equal_those_of_one_label_image(masks):
    """Whether followed from slice to slice or labelled at once, the same components remain."""
    from scipy.ndimage import label

    components, count = label(masks)
    volumes = np.bincount(components.ravel(), minlength=count + 1)
    volumes[0] = 0
    keep = volumes >= 0.05 * volumes.max()
    inside = keep.copy()
    inside[np.unique(components[:, [0, 0, -1, -1], [0, -1, 0, -1]])] = False
    keep = inside if inside.any() else keep
    keep[0] = False
    # In slices this small, holes are below one pixel, so nothing is filled.
    np.testing.assert_array_equal(clean_mask(masks), keep[components])
