"""Slices with outlined lesions, their split, and their augmentation."""

from types import SimpleNamespace

import numpy as np
import pytest

from lungct.classify import RoiPreprocessing
from lungct.classify.training.lesions import Lesions, cut_lesions
from lungct.sources import Scan

from ...conftest import make_chest


@pytest.fixture
def item():
    hu, lungs = make_chest()
    infection = lungs & (np.arange(160)[:, None] > 90)
    stack = [lungs, np.zeros_like(lungs)]
    return SimpleNamespace(
        scan=Scan(np.stack([hu, hu]), "hu"), mask=np.stack(stack), infection=np.stack([infection] * 2), patient="A"
    )


def cut(item, preprocess):
    return cut_lesions([item], lambda scan: (scan, item.mask), preprocess)


def test_lesions_are_where_the_region_shows_them(item):
    lesions = cut(item, RoiPreprocessing(96, margin=0))
    assert lesions.pixels.shape == lesions.drawn.shape == (1, 96, 96)  # the slice without lung is left out
    rows = np.flatnonzero((lesions.drawn[0] > 127).any(axis=1))
    first = np.flatnonzero(item.mask[0].any(axis=1))[0]
    height = item.mask[0].any(axis=1).sum()
    assert rows[0] == pytest.approx((91 - first) / height * 96, abs=1.5)
    share = item.infection[0].sum() / item.mask[0].sum()
    assert (lesions.drawn[0] > 127).sum() == pytest.approx(share * (lesions.pixels[0] > 0).sum(), rel=0.1)
    assert lesions.shares == pytest.approx([share], rel=0.1)
    assert lesions.patients == ("A",)


def test_missing_lesions_are_an_error(item):
    item.infection = None
    with pytest.raises(ValueError, match="--infections"):
        cut(item, RoiPreprocessing(96))


def test_patients_are_split_and_their_slices_stay_together():
    patients = tuple("ABCDEFGH"[number // 3] for number in range(24))
    pixels = np.arange(24, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    training, validation = Lesions(pixels, pixels, patients).split(0.25, 0)
    assert len(set(validation.patients)) == 2
    assert len(validation.pixels) == 6
    assert set(training.patients) | set(validation.patients) == set("ABCDEFGH")
    assert not set(training.patients) & set(validation.patients)
    assert [patients[number] for number in validation.pixels[:, 0, 0]] == list(validation.patients)
    assert Lesions(pixels, pixels, patients).split(0.0, 0)[1].patients == ()


@pytest.mark.train
def test_lesions_move_with_the_lungs(item):
    from lungct.classify.training.augment import RoiAugmenter

    lesions = cut(item, RoiPreprocessing(96))
    roi = np.where(lesions.drawn[0] > 127, 200, np.where(lesions.pixels[0] > 0, 60, 0)).astype(np.uint8)
    augment = RoiAugmenter()
    overlaps = []
    for seed in range(12):
        changed, drawn = augment(roi, seed, lesions.drawn[0])
        inside, outside = changed[drawn > 0.9], changed[(drawn < 0.1) & (changed > 0)]
        overlaps.append(inside.mean() - outside.mean())
        again, same = augment(roi, seed, lesions.drawn[0])
        np.testing.assert_array_equal(changed, again)
        np.testing.assert_array_equal(drawn, same)
    assert np.median(overlaps) > 0.2
    assert augment(roi, 0)[1].max() == 0
