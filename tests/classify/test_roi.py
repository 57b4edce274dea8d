"""The region of interest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lungct.classify import RoiPreprocessing
from lungct.classify.roi import lung_box

from ..conftest import make_chest


def test_nothing_outside_the_lungs_reaches_the_classifier(chest):
    """Whatever is outside the mask, the region is the same."""
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
def test_a_linear_window_changes_nothing(gain, offset):
    hu, lungs = make_chest()
    grey = (np.clip(hu, -1000, 400) + 1000) / 1400
    preprocess = RoiPreprocessing(96)
    one, _ = preprocess(grey, "display", lungs)
    other, _ = preprocess((grey * gain + offset).astype(np.float32), "display", lungs)
    np.testing.assert_allclose(one, other, atol=1e-3)


def test_box_has_its_margin_and_stays_inside_the_slice():
    mask = np.zeros((100, 100), bool)
    mask[2:52, 40:60] = True
    assert lung_box(mask, 0.1) == (slice(0, 57), slice(35, 65))
    with pytest.raises(ValueError, match="empty"):
        lung_box(np.zeros((5, 5), bool), 0.1)


def test_settings_survive_the_card():
    preprocess = RoiPreprocessing(96, 0.1, (-900.0, 300.0), (2.0, 98.0))
    assert RoiPreprocessing.from_dict(preprocess.to_dict()) == preprocess


def test_controls_contain_no_lung_and_the_mask_no_grey(chest):
    """Whatever the lungs look like, the controls are the same."""
    hu, lungs = chest
    changed = np.where(lungs, np.random.default_rng(1).uniform(-900, -100, hu.shape), hu).astype(np.float32)
    mask = RoiPreprocessing(96, region="mask")
    np.testing.assert_array_equal(mask(changed, "hu", lungs)[0], mask(hu, "hu", lungs)[0])
    erased, _ = RoiPreprocessing(96, margin=0, region="erased")(hu, "hu", lungs)
    masked, _ = RoiPreprocessing(96, margin=0)(hu, "hu", lungs)
    crop, _ = RoiPreprocessing(96, margin=0, region="crop")(hu, "hu", lungs)
    np.testing.assert_allclose(masked + erased, crop, atol=1e-5)


def test_the_box_of_a_whole_slice_is_the_slice(chest):
    hu, lungs = chest
    whole, box = RoiPreprocessing(96, region="whole")(hu, "hu", lungs)
    assert (box[0].stop, box[1].stop) == hu.shape
    assert whole.shape == (96, 96)


def test_unknown_region_is_refused():
    with pytest.raises(ValueError, match="masked, crop, whole"):
        RoiPreprocessing(96, region="heart")


def test_cards_without_a_region_mean_the_lungs():
    settings = RoiPreprocessing().to_dict()
    del settings["region"]
    assert RoiPreprocessing.from_dict(settings) == RoiPreprocessing()
