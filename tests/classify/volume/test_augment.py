"""3-D augmentation: reproducible, in range, and zero where there was no lung."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lungct.classify.volume.augment import augment_volume


def lungs(shape=(12, 32, 32)):
    volume = np.zeros(shape, dtype=np.uint8)
    volume[2:-2, 8:-8, 4:-4] = 60
    volume[4:8, 12:18, 8:14] = 200  # a lesion
    return volume


@settings(max_examples=20, deadline=None)
@given(st.integers(-(2**40), 2**70))
def test_examples_are_reproducible_in_range_and_mostly_zero_outside(seed):
    volume = lungs()
    found = augment_volume(volume, seed)
    np.testing.assert_array_equal(found, augment_volume(volume, seed))
    assert found.dtype == np.float32
    assert found.shape == volume.shape
    assert 0 <= found.min() <= found.max() <= 1
    assert (found[0, 0] == 0).all()
    assert not augment_volume(np.zeros_like(volume), seed).any()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_the_lesion_stays_in_the_lungs_and_bright(seed):
    found = augment_volume(lungs(), seed)
    assert found.max() > 0.45
    assert 0.6 < (found > 0).mean() / (lungs() > 0).mean() < 1.7  # scaled, and a voxel wider where it is rotated


def test_seeds_differ_and_some_are_mirrored():
    found = [augment_volume(lungs(), seed) for seed in range(12)]
    assert len({volume.tobytes() for volume in found}) == 12
    left = [volume[..., :16].max() > volume[..., 16:].max() for volume in found]
    assert 0 < sum(left) < 12
