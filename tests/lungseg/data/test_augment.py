"""Training examples: reproducible, in range, with the lungs in place."""

import numpy as np
import pytest

from lungct.lungseg.data.dataset import LabelledScan
from lungct.sources import Scan

from ...conftest import make_chest

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def item():
    hu, lungs = make_chest(200, 240)
    return LabelledScan(Scan(hu[None], "hu"), lungs[None], "P1")


def test_seeds_determine_the_example(item):
    from lungct.lungseg.data.augment import Augmenter

    augment = Augmenter(96)
    for seed in range(5):
        one, other = augment(item, seed), Augmenter(96)(item, seed)
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
    assert not np.array_equal(augment(item, 1)[0], augment(item, 2)[0])


def test_examples_are_in_range_and_lungs_stay_darker(item):
    from lungct.lungseg.data.augment import Augmenter

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
    assert darker >= 36 - erased  # all except the inverted ones and a few crops that are almost entirely lung


@pytest.fixture(scope="module")
def grey(item):
    return (np.clip(item.scan.pixels[0], -1000, 400) + 1000) / 1400


@pytest.mark.parametrize("part", ["all", "core", "rest"])
def test_painted_lungs_are_tissue_and_not_lung(item, grey, part):
    from lungct.lungseg.data.augment import paint_over

    painted, mask = paint_over(grey, item.mask[0].astype(np.uint8), part, np.random.default_rng(0))
    gone = item.mask[0] & (mask == 0)
    assert mask.any() == (part != "all")
    assert gone.sum() > 0.2 * item.mask.sum()
    tissue = np.median(grey[(item.scan.pixels[0] > 0) & (item.scan.pixels[0] < 80)])
    assert abs(np.median(painted[gone]) - tissue) < 0.1
    np.testing.assert_array_equal(painted[mask > 0], grey[mask > 0])
    np.testing.assert_array_equal(painted[:10], grey[:10])


def test_core_leaves_a_rim(item, grey):
    from lungct.lungseg.data.augment import paint_over

    _, mask = paint_over(grey, item.mask[0].astype(np.uint8), "core", np.random.default_rng(0))
    rows, columns = np.nonzero(item.mask[0])
    assert mask[rows[np.argmin(rows)], columns[np.argmin(rows)]]
    assert not mask[100, 75]


def test_consolidation_is_dense_and_inside_the_lungs(item, grey):
    from lungct.lungseg.data.augment import consolidate

    for seed in range(5):
        dense = consolidate(grey, item.mask[0].astype(np.uint8), np.random.default_rng(seed))
        np.testing.assert_array_equal(dense[~item.mask[0]], grey[~item.mask[0]])
        assert (dense - grey)[item.mask[0]].max() > 0.1
        assert 0 <= dense.min() <= dense.max() <= 1


def test_gas_is_dark_and_outside_the_lungs(item, grey):
    from lungct.lungseg.data.augment import add_gas

    drawn = [add_gas(grey, item.mask[0].astype(np.uint8), np.random.default_rng(seed)) for seed in range(6)]
    assert all((picture[item.mask[0]] == grey[item.mask[0]]).all() for picture in drawn)
    assert max((grey - picture).max() for picture in drawn) > 0.3


def test_widened_slice_keeps_its_lungs_on_its_own_background(item):
    from lungct.lungseg.data.augment import widen

    grey = (np.clip(item.scan.pixels[0], -1400, 400) + 1400) / 1800
    for seed in range(5):
        wide, mask = widen(grey, item.mask[0].astype(np.uint8), np.random.default_rng(seed))
        assert wide.shape == mask.shape
        assert mask.sum() == item.mask.sum()
        assert wide[0, 0] == pytest.approx(400 / 1800, abs=0.03)
