"""Lungs that were already cut out by someone else."""

from dataclasses import replace

import numpy as np
import pytest

from lungct.lungseg import LungSegmenter, find_lungs
from lungct.lungseg.cutout import CUT_OUT, is_cut_out, what_is_left
from lungct.lungseg.evaluation.scores import dice
from lungct.sources import Scan, read_scan
from lungct.sources.intensity import apply_window

from ..conftest import SHARED, SLICES, make_chest


@pytest.fixture
def chest():
    hu, lungs = make_chest(256, 256)
    return np.clip((hu + 1000) / 1400, 0, 1).astype(np.float32), lungs


def display(grey):
    return Scan(grey[None].astype(np.float32), "display")


def test_lungs_on_black_are_taken_as_they_are(chest):
    grey, lungs = chest
    scan = display(np.where(lungs, grey + 0.05, 0))
    assert is_cut_out(scan)
    assert dice(what_is_left(scan)[0], lungs) > 0.99


@pytest.mark.parametrize("outside", [-3024, -1024, 0])
def test_calibrated_volumes_are_recognised_whatever_was_put_around_the_lungs(outside):
    hu, lungs = make_chest(160, 200)
    volume = np.stack([np.where(lungs, hu, outside)] * 3 + [np.full(hu.shape, outside)]).astype(np.float32)
    scan = Scan(volume, "hu")
    assert is_cut_out(scan)
    mask = what_is_left(scan)
    assert dice(mask[0], lungs) > 0.99
    assert not mask[3].any()


def test_whole_slices_are_not_cut_out(chest):
    grey, _ = chest
    assert not is_cut_out(display(grey))
    assert not is_cut_out(display(1 - grey))
    for path in sorted(SLICES.iterdir()):
        scan = read_scan(path)
        assert not is_cut_out(scan), path
        assert not is_cut_out(display(1 - apply_window(scan.pixels[0], scan.intensity, (-1000, 400)))), path


def test_a_soft_tissue_window_is_not_cut_out(chest):
    hu, _ = make_chest(256, 256)
    assert not is_cut_out(display(np.clip((hu + 160) / 400, 0, 1)))


def test_an_empty_picture_is_not_cut_out():
    assert not is_cut_out(display(np.zeros((64, 64))))


def test_real_lungs_cut_out_of_an_example_are_found_and_never_inverted():
    segmenter = LungSegmenter()
    whole = read_scan(SLICES / "lctsc-S1-101-hu.tif")
    lungs = segmenter.segment(whole).mask
    cut = replace(whole, pixels=np.where(lungs, whole.pixels, np.float32(-1024)))
    scan, found = find_lungs(segmenter, cut)
    assert found.flags == (CUT_OUT,)
    assert "inverted" not in scan.warnings
    assert dice(found.mask[0], lungs[0]) > 0.99
    assert found.confidence[0] == 1


@pytest.mark.shared
@pytest.mark.parametrize(
    ("pattern", "cut"),
    [("song-pneumonia/*/*.jpg", True), ("covid-ct/train/*/*", False), ("chest-cancer-ct/*/*.jpg", False)],
)
def test_pictures_of_other_sources(pattern, cut):
    files = sorted(SHARED.glob(pattern))[::40]
    if not files:
        pytest.skip("needs the training data")
    found = [is_cut_out(read_scan(path)) for path in files]
    assert np.mean(found) > 0.95 if cut else not any(found)
