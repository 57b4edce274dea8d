"""Volume, density and emphysema of each lung."""

from dataclasses import replace

import numpy as np
import pytest

from lungct.pipeline.results.lungs import implausible, lung_statistics, volume_in_words
from lungct.pipeline.results.row import FINDINGS, row_of
from lungct.sources import Scan

from ..test_prediction import made


@pytest.fixture
def volume():
    hu = np.full((4, 20, 40), 40, np.float32)
    labels = np.zeros(hu.shape, np.uint8)
    labels[:, 5:15, 2:12] = 1
    labels[:2, 5:15, 25:35] = 2
    hu[labels == 1] = -800
    hu[:, 5:10, 2:12] = -960  # half of the right lung
    hu[labels == 2] = -700
    return Scan(hu, "hu", spacing=(2.0, 0.5, 0.5)), labels


def test_each_lung_has_its_own_numbers(volume):
    found = lung_statistics(*volume)
    assert found["right"].volume_ml == pytest.approx(4 * 100 * 0.5 / 1000)
    assert found["left"].volume_ml == pytest.approx(2 * 100 * 0.5 / 1000)
    assert found["right"].mean_hu == pytest.approx(-880)
    assert found["left"].mean_hu == pytest.approx(-700)
    assert found["right"].below_950 == pytest.approx(0.5)
    assert found["left"].below_950 == 0


def test_a_lung_that_was_not_found_has_no_density(volume):
    scan, labels = volume
    left = lung_statistics(scan, np.where(labels == 1, labels, 0))["left"]
    assert left.to_dict() == {"volume_ml": 0.0, "mean_hu": None, "below_950": None}


def test_grey_values_unknown_spacing_and_single_slices_have_none(volume):
    scan, labels = volume
    assert lung_statistics(replace(scan, spacing=None), labels) is None
    assert lung_statistics(Scan(np.clip(scan.pixels, 0, 1), "display", spacing=scan.spacing), labels) is None
    assert lung_statistics(replace(scan, pixels=scan.pixels[:1]), labels[:1]) is None


def test_rows_and_records_carry_the_lungs(volume):
    scan, labels = volume
    prediction = replace(
        made(0.9, slices=4), scan=scan, lung_mask=labels > 0, slice_probabilities=np.full(4, 0.8, np.float32)
    )
    np.testing.assert_array_equal(prediction.lung_labels, labels)
    row = row_of(replace(prediction, classification=None))
    assert list(row) == list(FINDINGS)
    assert row["right_lung_ml"] == pytest.approx(0.2)
    assert row["left_lung_mean_hu"] == pytest.approx(-700)
    assert row_of(made(0.9))["right_lung_ml"] is None
    assert replace(prediction, classification=None).to_dict()["lungs"]["right"]["below_950"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("warnings", "words"),
    [
        ((), "2,057 ml"),
        (("sparse-slices",), "about 2,057 ml"),
        (("missing-slices",), "at least 2,057 ml"),
        (("incomplete-lungs", "sparse-slices"), "at least 2,057 ml"),
    ],
)
def test_words_say_how_complete_a_volume_is(warnings, words):
    assert volume_in_words(2057.4, warnings) == words


@pytest.mark.parametrize(
    ("spacing", "hu", "flags", "codes"),
    [
        ((5.0, 2.0, 2.0), -800, (), ()),  # 40 slices of 60 x 120 pixels: 200 x 120 x 240 mm, 5.8 l
        ((0.005, 0.002, 0.002), -800, (), ("implausible-volume", "implausible-extent")),  # metres taken for mm
        ((0.005, 0.002, 0.002), -800, ("incomplete-lungs",), ()),
        ((1.0, 0.6, 0.6), -800, (), ()),  # a child: 40 x 36 x 72 mm, 104 ml
        ((20.0, 2.0, 2.0), -800, (), ("implausible-volume", "implausible-extent")),
        ((5.0, 4.0, 4.0), -800, ("incomplete-lungs",), ("implausible-volume", "implausible-extent")),
        ((5.0, 2.0, 2.0), 174, (), ("implausible-density",)),
        ((5.0, 2.0, 2.0), -1024, (), ("implausible-density",)),
        ((5.0, 2.0, 2.0), -300, (), ()),  # much consolidation
        (None, -800, (), ()),
    ],
)
def test_measures_are_compared_with_human_lungs(spacing, hu, flags, codes):
    mask = np.zeros((40, 100, 140), bool)
    mask[:, 20:80, 10:130] = True
    scan = Scan(np.where(mask, np.float32(hu), np.float32(40)), "hu", spacing=spacing)
    assert implausible(scan, mask, flags) == codes
    assert implausible(scan, np.zeros_like(mask), flags) == ()


def test_single_slices_are_compared_by_their_extent_only():
    mask = np.ones((1, 60, 120), bool)
    scan = Scan(np.full(mask.shape, 40, np.float32), "hu", spacing=(900.0, 2.0, 2.0))
    assert implausible(scan, mask, ()) == ()
    assert implausible(replace(scan, spacing=(1.0, 4.0, 4.0)), mask, ()) == ("implausible-extent",)
    xray = replace(scan, spacing=(1.0, 4.0, 4.0), metadata={"modality": "DX"})
    assert implausible(xray, mask, ()) == ()
