"""The shipped segmenter on real slices."""

import numpy as np
import pytest
import tifffile

from lungct.lungseg import LungSegmenter
from lungct.lungseg.evaluation import dice, mean_over_patients
from lungct.sources import Scan, read_scan

from ..conftest import SHARED, SLICES


@pytest.fixture(scope="module")
def segmenter():
    return LungSegmenter()


def test_finds_both_lungs_of_every_example(segmenter):
    from skimage.measure import label, regionprops

    for path in sorted(SLICES.glob("*")):
        result = segmenter.segment(read_scan(path))
        if "abdomen" in path.name:
            assert result.lung_fraction < 0.002, path
            continue
        lungs = [region for region in regionprops(label(result.mask[0])) if region.area > 0.01 * 512 * 512]
        assert 1 <= len(lungs) <= 3, path
        assert 0.04 < result.lung_fraction < 0.35, path
        rows, columns = np.nonzero(result.mask[0])
        assert np.ptp(columns) > np.ptp(rows) * 0.8, path


def test_hu_lungs_hold_air_and_little_else(segmenter):
    hu = tifffile.imread(SLICES / "lctsc-S1-101-hu.tif")
    mask = segmenter.segment(read_scan(SLICES / "lctsc-S1-101-hu.tif")).mask[0]
    assert np.median(hu[mask]) < -700
    assert (hu[mask] < -300).mean() > 0.9


def test_volume_equals_its_slices(segmenter):
    scans = [read_scan(SLICES / f"lung-pet-ct-dx-A0002-{number}.png") for number in (11, 17)]
    volume = Scan(np.concatenate([scan.pixels for scan in scans]), "display")
    together = segmenter.segment(volume).mask
    for mask, scan in zip(together, scans, strict=True):
        np.testing.assert_array_equal(mask, segmenter.segment(scan).mask[0])


def test_mask_has_the_inputs_shape(segmenter):
    assert segmenter.segment(Scan(np.zeros((2, 45, 99), np.float32), "display")).mask.shape == (2, 45, 99)


@pytest.mark.shared
def test_validation_figures_of_the_card_hold(segmenter):
    """The card's Kaggle figure, on the same held-out slices (every fourth of them)."""
    from lungct.lungseg.dataset import read_pairs, split_by_patient

    folder = SHARED / "kaggle-lung-masks"
    share = segmenter.card.metrics["recipe"]["validation_share"]
    _, held_out = split_by_patient(read_pairs(folder / "2d_images", folder / "2d_masks"), share, 0)
    scores = [dice(segmenter.segment(item.scan).mask[0], item.mask) for item in held_out[::4]]
    assert np.mean(scores) == pytest.approx(
        segmenter.card.metrics["validation"]["kaggle-lung-masks"]["dice"]["mean"], abs=0.01
    )
    assert np.mean(scores) >= 0.96


def test_dice_by_hand():
    one, other = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    assert dice(one, other) == 1
    one[:2], other[1:3] = True, True
    assert dice(one, other) == 0.5
    figures = mean_over_patients([1.0, 0.8, 0.6], ["a", "b", "b"])
    assert figures["mean"] == 0.85
    assert figures["worst"] == 0.6
    assert figures["interval"][0] <= 0.85 <= figures["interval"][1]
