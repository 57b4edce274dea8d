"""Corrections of masks from Hounsfield units and neighbouring slices, on drawn chests."""

import numpy as np
import pytest

from lungct.lungseg.context import add_tips, outside_air, without_air_and_tissue

from ..conftest import make_chest


@pytest.fixture
def chest():
    return make_chest(160, 200)


def test_air_around_the_body_is_found_and_lungs_are_not(chest):
    hu, lungs = chest
    outside = outside_air(hu)
    assert outside[:5].all()
    assert not (outside & lungs).any()
    assert (outside | (hu > -900) | lungs).mean() > 0.95  # all but the squares that the skin shares


def test_outside_air_leaves_the_mask_and_lungs_stay(chest):
    hu, lungs = chest
    mask = lungs.copy()
    mask[:6, 40:160] = mask[150:, 20:60] = True  # between arms and head; below the table
    np.testing.assert_array_equal(without_air_and_tissue(mask, hu), lungs)


def test_emphysema_of_a_third_of_a_lung_stays_and_gas_goes(chest):
    hu, lungs = chest
    hu[70:90, 50:70] = -970  # within the right lung
    hu[110:130, 90:105] = -995  # in the stomach
    gas = np.zeros_like(lungs)
    gas[110:130, 90:105] = True
    np.testing.assert_array_equal(without_air_and_tissue(lungs | gas, hu), lungs)


def test_specks_of_soft_tissue_go_and_consolidation_stays(chest):
    hu, lungs = chest
    hu[60:100, 40:60] = 30  # consolidation within the right lung
    speck = np.zeros_like(lungs)
    speck[75:82, 97:103] = True  # the spine
    np.testing.assert_array_equal(without_air_and_tissue(lungs | speck, hu), lungs)


def test_a_tight_crop_without_air_loses_nothing(chest):
    hu, lungs = chest
    rows, columns = np.flatnonzero(lungs.any(axis=1)), np.flatnonzero(lungs.any(axis=0))
    crop = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    np.testing.assert_array_equal(without_air_and_tissue(lungs[crop], hu[crop]), lungs[crop])


def test_an_empty_mask_stays_empty(chest):
    hu, _ = chest
    assert not without_air_and_tissue(np.zeros(hu.shape, dtype=bool), hu).any()
    assert not add_tips(np.zeros((3, *hu.shape), dtype=bool), np.stack([hu] * 3)).any()


def test_tips_of_a_volume_are_found_and_gas_below_the_lungs_is_not():
    hu, lungs = make_chest(160, 200)
    tissue = np.where(lungs, np.float32(40), hu)
    tip = np.zeros_like(lungs)
    tip[75:90, 50:62] = True  # over the right lung
    gas = np.zeros_like(lungs)
    gas[75:90, 135:150] = True  # the colon, below the left lung
    last = np.where(tip, np.float32(-750), np.where(gas, np.float32(-990), tissue))
    away = np.where(np.roll(tip, 60, axis=0), np.float32(-750), tissue)  # overlaps no lung
    volume = np.stack([away, last, hu, hu, tissue]).astype(np.float32)
    mask = np.stack([np.zeros_like(lungs), np.zeros_like(lungs), lungs, lungs, np.zeros_like(lungs)])
    found = add_tips(mask, volume)
    np.testing.assert_array_equal(found[1], tip)
    assert not found[[0, 4]].any()
    np.testing.assert_array_equal(found[2:4], mask[2:4])
