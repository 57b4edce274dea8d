"""Lesions are pasted into lungs only, make them denser only, and match the other picture's grey values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lungct.classify.training.lesions import Lesions

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def paster():
    from lungct.classify.training.paste import LesionPaster

    drawn = np.zeros((1, 64, 64), np.uint8)
    drawn[:, 20:50, 20:50] = 255
    return LesionPaster(Lesions(np.where(drawn > 0, 200, 50).astype(np.uint8), drawn, ("A",)))


@given(seed=st.integers(0, 2**31), level=st.integers(1, 150))
def test_only_lungs_change_and_only_become_denser(paster, seed, level):
    roi = np.zeros((64, 64), np.uint8)
    roi[8:56, 4:30] = roi[8:56, 34:60] = level
    pasted, drawn = paster(roi, seed)
    assert not pasted[roi == 0].any()
    assert not drawn[roi == 0].any()
    assert (pasted >= roi).all()
    far = np.array([[drawn[max(0, y - 6) : y + 7, max(0, x - 6) : x + 7].any() for x in range(64)] for y in range(64)])
    np.testing.assert_array_equal(pasted[~far], roi[~far])
    again, same = paster(roi, seed)
    np.testing.assert_array_equal(pasted, again)
    np.testing.assert_array_equal(drawn, same)


def test_a_lesion_keeps_its_contrast_to_healthy_lung(paster):
    roi = np.full((64, 64), 100, np.uint8)
    pasted, drawn = zip(*(paster(roi, seed) for seed in range(20)), strict=True)
    inside = np.concatenate([one[where > 0] for one, where in zip(pasted, drawn, strict=True)])
    # 200 above healthy lung of 50 lies at 73 % of the way to white; above 100, that is 213. Edges are softer.
    assert 180 < np.median(inside) < 215


def test_slices_without_lesions_are_refused():
    from lungct.classify.training.paste import LesionPaster

    with pytest.raises(ValueError, match="no slice has lesions in 3%"):
        LesionPaster(Lesions(np.full((1, 8, 8), 9, np.uint8), np.zeros((1, 8, 8), np.uint8), ("A",)))
