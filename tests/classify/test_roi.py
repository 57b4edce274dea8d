"""The region of interest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lungct.classify import RoiPreprocessing
from lungct.classify.roi import lung_box

from ..conftest import make_chest


def test_nothing_outside_the_lungs_reaches_the_classifier(chest):
    """Whatever stands outside the mask, the region is the same."""
    hu, lungs = chest
    preprocess = RoiPreprocessing(96)
    clean, _ = preprocess(hu, "hu", lungs)
    vandalised = np.where(lungs, hu, np.random.default_rng(1).uniform(-1000, 3000, hu.shape)).astype(np.float32)
    np.testing.assert_array_equal(preprocess(vandalised, "hu", lungs)[0], clean)
    assert (clean == 0).mean() > 0.2
    assert clean.max() <= 1


def test_tight_and_wide_pictures_look_alike(chest):
    hu, lungs = chest
    preprocess = RoiPreprocessing(96)
    wide, _ = preprocess(hu, "hu", lungs)
    rows, columns = lung_box(lungs, 0.1)
    tight, _ = preprocess(hu[rows, columns], "hu", lungs[rows, columns])
    np.testing.assert_array_equal(tight, wide)


@given(st.floats(0.25, 1, width=32), st.floats(0, 0.5, width=32))
def test_linear_window_does_not_matter(gain, offset):
    hu, lungs = make_chest()
    grey = (np.clip(hu, -1000, 400) + 1000) / 1400
    preprocess = RoiPreprocessing(96)
    one, _ = preprocess(grey, "display", lungs)
    other, _ = preprocess((grey * gain + offset).astype(np.float32), "display", lungs)
    np.testing.assert_allclose(one, other, atol=1e-3)


def test_box_has_its_margin_inside_the_slice():
    mask = np.zeros((100, 100), bool)
    mask[2:52, 40:60] = True
    assert lung_box(mask, 0.1) == (slice(0, 57), slice(35, 65))
    with pytest.raises(ValueError, match="empty"):
        lung_box(np.zeros((5, 5), bool), 0.1)


def test_settings_survive_the_card():
    preprocess = RoiPreprocessing(96, 0.1, (-900.0, 300.0), (2.0, 98.0))
    assert RoiPreprocessing.from_dict(preprocess.to_dict()) == preprocess
