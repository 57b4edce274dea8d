"""Training examples: repeatable, in range, lungs where they were."""

import numpy as np
import pytest

from lungct.lungseg.dataset import LabelledSlice
from lungct.sources import Scan

from ..conftest import make_chest

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def item():
    hu, lungs = make_chest(200, 240)
    return LabelledSlice(Scan(hu[None], "hu"), lungs, "P1")


def test_same_seed_same_example_other_seed_another(item):
    from lungct.lungseg.augment import Augmenter

    augment = Augmenter(96)
    for seed in range(5):
        one, other = augment(item, seed), Augmenter(96)(item, seed)
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
    assert not np.array_equal(augment(item, 1)[0], augment(item, 2)[0])


def test_examples_are_in_range_and_lungs_stay_darker(item):
    from lungct.lungseg.augment import Augmenter

    augment = Augmenter(96)
    darker = erased = 0
    for seed in range(40):
        grey, mask = augment(item, seed)
        assert grey.shape == mask.shape == (96, 96)
        assert grey.dtype == mask.dtype == np.float32
        assert 0 <= grey.min() <= grey.max() <= 1
        assert set(np.unique(mask)) <= {0, 1}
        if not mask.any():
            erased += 1
            continue
        body = grey[(mask == 0) & (grey > 0.02)]
        darker += grey[mask == 1].mean() < body.mean()
    assert 1 <= erased <= 8
    assert darker >= 36 - erased  # all but the inverted ones and a few crops of little else than lung


def test_tight_crop_touches_the_lungs(item):
    from lungct.lungseg.augment import tight_crop

    rng = np.random.default_rng(0)
    for _ in range(20):
        grey, mask = tight_crop(item.scan.pixels[0], item.mask.astype(np.uint8), rng)
        assert grey.shape == mask.shape
        assert mask.mean() > item.mask.mean()
    empty = np.zeros((50, 50), np.uint8)
    assert tight_crop(empty.astype(np.float32), empty, rng)[1].shape == (50, 50)


def test_erased_lungs_are_tissue_and_no_lung(item):
    from lungct.lungseg.augment import erase_lungs

    grey = (np.clip(item.scan.pixels[0], -1000, 400) + 1000) / 1400
    erased, mask = erase_lungs(grey, item.mask.astype(np.uint8), np.random.default_rng(0))
    assert not mask.any()
    tissue = np.median(grey[(item.scan.pixels[0] > 0) & (item.scan.pixels[0] < 80)])
    assert abs(np.median(erased[item.mask]) - tissue) < 0.1
    np.testing.assert_array_equal(erased[:10], grey[:10])


def test_widened_slice_keeps_its_lungs_on_its_own_background(item):
    from lungct.lungseg.augment import widen

    grey = (np.clip(item.scan.pixels[0], -1400, 400) + 1400) / 1800
    for seed in range(5):
        wide, mask = widen(grey, item.mask.astype(np.uint8), np.random.default_rng(seed))
        assert wide.shape == mask.shape
        assert mask.sum() == item.mask.sum()
        assert wide[0, 0] == pytest.approx(400 / 1800, abs=0.03)
