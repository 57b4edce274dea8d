"""Connected components equal those of SciPy, but are found in another way."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import label

from lungct.lungseg.components import Components

shapes = st.one_of(
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)),
)
masks = shapes.flatmap(lambda shape: arrays(np.bool_, shape))


@given(masks)
def test_components_equal_those_of_scipy(mask):
    expected, count = label(mask)
    parts = Components.of(mask)
    assert parts.count == count
    volume = expected.reshape((1, *mask.shape)[-3:])
    for part in range(parts.count):
        keep = np.arange(parts.count) == part
        found = np.stack([parts.mask(keep, index) for index in range(len(volume))])
        labels = np.unique(volume[found])
        assert labels.size == 1
        np.testing.assert_array_equal(found, volume == labels[0])
        assert parts.sizes[part] == found.sum()
        assert parts.at_border()[part] == (found[:, [0, -1]].any() or found[:, :, [0, -1]].any())
        assert parts.at_corner()[part] == found[:, [0, 0, -1, -1], [0, -1, 0, -1]].any()


@given(arrays(np.bool_, (12, 15)), arrays(np.bool_, (12, 15)))
def test_inner_counts_the_pixels_of_each_part(mask, pixels):
    parts = Components.of(mask)
    for part, count in enumerate(parts.inner(pixels)):
        assert count == (parts.mask(np.arange(parts.count) == part) & pixels).sum()


def test_a_spiral_is_one_part():
    """Its runs meet late, so pointer chains are long."""
    spiral = np.zeros((61, 61), dtype=bool)
    row, column, length, step = 30, 30, 2, 0
    for turn in range(50):
        down, right = ((0, 1), (1, 0), (0, -1), (-1, 0))[turn % 4]
        for _ in range(length):
            if 0 <= row < 61 and 0 <= column < 61:
                spiral[row, column] = True
            row, column, step = row + down, column + right, step + 1
        length += 2 * (turn % 2)
    assert Components.of(spiral).count == label(spiral)[1]
