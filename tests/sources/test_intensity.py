"""Windows and stretches."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lungct.sources.intensity import apply_window, resize, stretch

slices = arrays(np.float32, st.tuples(st.integers(8, 20), st.integers(8, 20)), elements=st.floats(0, 1, width=32))


def test_window_maps_its_ends_to_black_and_white():
    hu = np.array([[-2000, -1000, -300, 400, 3000]], dtype=np.float32)
    np.testing.assert_allclose(apply_window(hu, "hu", (-1000, 400)), [[0, 0, 0.5, 1, 1]], atol=1e-6)


def test_display_grey_passes_a_window_unchanged():
    grey = np.array([[0, 0.5, 1]], dtype=np.float32)
    assert apply_window(grey, "display", (-1000, 400)) is grey


@given(slices, st.floats(0.25, 3, width=32), st.floats(-1, 1, width=32))
def test_stretch_undoes_any_linear_window(pixels, gain, offset):
    if pixels.max() - pixels.min() < 0.05:
        return
    once = stretch(pixels, (0, 100))
    again = stretch((pixels * np.float32(gain) + np.float32(offset)), (0, 100))
    np.testing.assert_allclose(once, again, atol=2e-4)
    assert once.dtype == np.float32


def test_stretch_measures_only_inside_the_mask():
    pixels = np.array([[0.0, 0.2, 0.4, 9.0]], dtype=np.float32)
    mask = np.array([[False, True, True, False]])
    np.testing.assert_allclose(stretch(pixels, (0, 100), mask), [[0, 0, 1, 1]], atol=1e-6)


def test_stretch_clips_what_lies_beyond_its_percentiles():
    pixels = np.array([[-50, *range(100), 900]], dtype=np.float32)
    found = stretch(pixels, (1, 99))
    np.testing.assert_allclose(found[0, [0, -1]], [0, 1])
    np.testing.assert_allclose(np.diff(found[0, 3:-3]), 1 / 99, rtol=0.02)


def test_stretch_measures_everywhere_where_the_mask_is_empty():
    pixels = np.array([[0.0, 0.5, 2.0]], dtype=np.float32)
    np.testing.assert_allclose(stretch(pixels, (0, 100), np.zeros((1, 3), bool)), [[0, 0.25, 1]])


def test_stretch_of_a_constant_is_black():
    assert not stretch(np.full((5, 5), 0.7, np.float32), (1, 99)).any()


@given(slices, st.integers(4, 40), st.integers(4, 40))
def test_resize_keeps_range_and_gives_the_size(pixels, height, width):
    out = resize(pixels, height, width)
    assert out.shape == (height, width)
    assert out.min() >= pixels.min() - 1e-5
    assert out.max() <= pixels.max() + 1e-5


def test_resize_averages_where_it_shrinks_and_interpolates_where_it_grows():
    board = (np.indices((8, 8)).sum(axis=0) % 2).astype(np.float32)
    np.testing.assert_allclose(resize(board, 2, 2)[:1], [[0.5, 0.5]], atol=0.05)
    ramp = np.tile(np.arange(4, dtype=np.float32), (2, 1))
    np.testing.assert_allclose(resize(ramp, 2, 8)[0], [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3], atol=1e-5)
