"""Flags of masks that cannot be true."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lungct.lungseg import FLAGS, quality_flags
from lungct.lungseg.quality import expected_dice

from ..conftest import make_chest

SURE = np.ones(1, np.float32)


@pytest.fixture(scope="module")
def lungs():
    return make_chest(200, 240)[1]


def test_a_pair_of_lungs_raises_nothing(lungs):
    assert quality_flags(lungs[None], SURE) == ()


def test_each_failure_raises_its_flag(lungs):
    assert "partial-lung" in quality_flags(lungs[:, 75:][None], SURE)
    left = lungs.copy()
    left[:, 120:] = False
    assert quality_flags(left[None], SURE) == ("one-lung",)
    assert "implausible-area" in quality_flags(np.ones((1, 50, 50), bool), SURE)
    assert "implausible-shape" in quality_flags(np.tile(lungs, (2, 2))[None], SURE)
    assert quality_flags(lungs[None], SURE * 0.5) == ("low-confidence",)


def test_lungs_that_touch_behind_the_sternum_are_two(lungs):
    joined = lungs.copy()
    joined[70:80, 60:180] = True
    assert quality_flags(joined[None], SURE) == ()


def test_a_volume_needs_a_share_of_its_slices(lungs):
    left = lungs.copy()
    left[:, 120:] = False
    empty = np.zeros_like(lungs)
    sure = np.ones(6, np.float32)
    assert quality_flags(np.stack([empty, *[lungs] * 3, left, empty]), sure) == ()
    assert quality_flags(np.stack([empty, lungs, left, left, empty, empty]), sure) == ("one-lung",)
    assert quality_flags(np.stack([empty] * 6), 0 * sure) == ()


@given(st.integers(0, 2**32 - 1))
def test_flags_are_documented_and_ordered(seed):
    rng = np.random.default_rng(seed)
    masks = rng.random((3, 40, 50)) < rng.random()
    flags = quality_flags(masks, rng.random(3).astype(np.float32))
    assert list(flags) == [flag for flag in FLAGS if flag in flags]


def test_expected_dice_is_one_where_sure_and_lower_where_not():
    probability = np.zeros((10, 10), np.float32)
    probability[:5] = 1
    assert expected_dice(probability, probability > 0.5) == 1
    unsure = np.full((10, 10), 0.6, np.float32)
    assert expected_dice(unsure, unsure > 0.5) == pytest.approx(0.75)
    assert expected_dice(unsure, unsure > 0.7) == 0


def test_a_volume_that_ends_within_the_lungs_is_incomplete():
    masks = np.zeros((5, 100, 100), dtype=bool)
    masks[1:4, 30:70, 10:40] = masks[1:4, 30:70, 60:90] = True
    sure = np.ones(5, np.float32)
    assert quality_flags(masks, sure) == ()
    assert quality_flags(masks[1:], sure[1:]) == ("incomplete-lungs",)
    masks[0, 40:50, 20:25] = True  # a tip
    assert quality_flags(masks, sure) == ()
