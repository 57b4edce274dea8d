"""Regions of many pictures are cut once, and again if anything they depend on has changed."""

import os

import numpy as np
import pytest
from PIL import Image

from lungct.classify import RoiPreprocessing
from lungct.classify.data.dataset import Example
from lungct.classify.data.regions import cut_regions


def example(path, side=40):
    Image.fromarray(np.tile(np.arange(side, dtype=np.uint8), (side, 1))).save(path)
    return Example(path, True, "a", "source", "train")


class Lungs:
    """A first stage that finds the same box everywhere, or nothing, and counts its calls."""

    def __init__(self, found=True):
        self.asked, self.found = 0, found

    def __call__(self, scan):
        self.asked += 1
        mask = np.zeros(scan.pixels.shape, dtype=np.bool_)
        mask[:, 8:24, 8:24] = self.found
        return scan, mask


def test_regions_are_cached_until_what_they_depend_on_changes(tmp_path):
    examples = [example(tmp_path / "one.png"), example(tmp_path / "two.png")]
    lungs, cache, preprocess = Lungs(), tmp_path / "run" / "regions.npz", RoiPreprocessing(32)
    first = cut_regions(examples, lungs, preprocess, cache, "a")
    os.utime(examples[0].path, (0, 0))  # a copy of the data has other time stamps
    again = cut_regions(examples, lungs, preprocess, cache, "a")
    assert lungs.asked == 2
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert first.inputs.shape == (2, 32, 32, 1)
    assert 0.9 < first.inputs.max() <= 1
    cut_regions(examples, lungs, RoiPreprocessing(32, region="crop"), cache, "a")
    cut_regions(examples, lungs, RoiPreprocessing(32, region="crop"), cache, "b")
    assert lungs.asked == 6
    example(tmp_path / "one.png", side=60)
    cut_regions(examples, lungs, RoiPreprocessing(32, region="crop"), cache, "b")
    assert lungs.asked == 8


def test_pictures_that_all_lack_lungs_are_refused(tmp_path):
    examples = [example(tmp_path / "one.png")]
    with pytest.raises(ValueError, match="no lungs were found in any picture"):
        cut_regions(examples, Lungs(found=False), RoiPreprocessing(32))
