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
    darker = 0
    for seed in range(40):
        grey, mask = augment(item, seed)
        assert grey.shape == mask.shape == (96, 96)
        assert grey.dtype == mask.dtype == np.float32
        assert 0 <= grey.min() <= grey.max() <= 1
        assert set(np.unique(mask)) == {0, 1}
        body = grey[(mask == 0) & (grey > 0.02)]
        darker += grey[mask == 1].mean() < body.mean()
    assert darker >= 34  # all but the inverted ones and a few crops of little else than lung


def test_tight_crop_touches_the_lungs(item):
    from lungct.lungseg.augment import tight_crop

    rng = np.random.default_rng(0)
    for _ in range(20):
        grey, mask = tight_crop(item.scan.pixels[0], item.mask.astype(np.uint8), rng)
        assert grey.shape == mask.shape
        assert mask.mean() > item.mask.mean()
    empty = np.zeros((50, 50), np.uint8)
    assert tight_crop(empty.astype(np.float32), empty, rng)[1].shape == (50, 50)
