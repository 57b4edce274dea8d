"""Arms, tables, blankets and tubes drawn around a body."""

import numpy as np

from lungct.lungseg.data.surroundings import surround

from ...conftest import make_chest


def drawn(seed):
    hu, lungs = make_chest(160, 200)
    grey = np.clip((hu + 1000) / 1400, 0, 1).astype(np.float32)
    return grey, lungs, surround(grey, lungs.astype(np.uint8), np.random.default_rng(seed))


def test_only_the_air_around_the_body_changes():
    changed = 0
    for seed in range(20):
        grey, lungs, picture = drawn(seed)
        body = grey > 0.4
        np.testing.assert_array_equal(picture[body], grey[body])
        np.testing.assert_array_equal(picture[lungs], grey[lungs])
        assert picture.dtype == np.float32
        assert picture.min() >= 0
        assert picture.max() <= 1
        changed += bool((picture != grey).any())
    assert changed >= 15


def test_the_same_seed_draws_the_same():
    np.testing.assert_array_equal(drawn(3)[2], drawn(3)[2])


def test_a_crop_without_air_is_left_alone():
    hu, lungs = make_chest(160, 200)
    crop = np.clip((hu + 1000) / 1400, 0, 1).astype(np.float32)[60:100, 60:140]
    np.testing.assert_array_equal(
        surround(crop, lungs[60:100, 60:140].astype(np.uint8), np.random.default_rng(0)), crop
    )
