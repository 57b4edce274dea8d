"""Views that resemble users' pictures."""

import numpy as np
import pytest

from lungct.lungseg.data.views import as_picture, show, tight_crop
from lungct.sources import Scan

from ...conftest import make_chest


@pytest.fixture(scope="module")
def chest():
    return make_chest(200, 240)


def test_tight_crop_touches_the_lungs(chest):
    hu, lungs = chest
    rng = np.random.default_rng(0)
    for _ in range(20):
        grey, mask = tight_crop(hu, lungs, rng)
        assert grey.shape == mask.shape
        assert mask.mean() > lungs.mean()
    empty = np.zeros((50, 50), bool)
    assert tight_crop(empty.astype(np.float32), empty, rng)[1].shape == (50, 50)


def test_crop_around_a_dot_is_larger_than_a_dot(chest):
    hu, lungs = chest
    dot = np.zeros_like(lungs)
    dot[100:103, 100:103] = True
    for seed in range(10):
        grey, mask = tight_crop(hu, dot, np.random.default_rng(seed))
        assert min(grey.shape) < 60
        assert grey.shape == mask.shape


def test_windows_differ_and_stay_in_range(chest):
    scan = Scan(chest[0][None], "hu")
    shown = [show(scan, np.random.default_rng(seed)) for seed in range(30)]
    assert all(0 <= grey.min() <= grey.max() <= 1 for grey in shown)
    lungs = [float(grey[chest[1]].mean()) for grey in shown]
    assert min(lungs) == 0  # a soft tissue window: as black as air
    assert max(lungs) > 0.3


def test_picture_has_256_grey_values_and_its_mask(chest):
    picture, mask = as_picture(Scan(chest[0][None], "hu"), chest[1], np.random.default_rng(1))
    assert picture.intensity == "display"
    assert picture.shape == (1, *mask.shape)
    np.testing.assert_allclose(picture.pixels * 255, np.rint(picture.pixels * 255), atol=1e-4)
