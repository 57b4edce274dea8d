"""Synthetic volumes have the stated properties, and aggregations do what their names say."""

import csv

import numpy as np
import pytest

from benchmarks.volumes import phantoms
from benchmarks.volumes.aggregations import AGGREGATIONS, Study, learned
from benchmarks.volumes.bodies import deform
from benchmarks.volumes.lesions import add_nuisance, plant
from benchmarks.volumes.planted import write
from lungct.classify.data.dataset import read_table
from lungct.sources import read_scan


@pytest.fixture(scope="module")
def chest():
    return phantoms.make_phantom(np.random.default_rng(4))


def test_a_phantom_has_two_lungs_of_a_human_size(chest):
    litres = chest.lungs.sum() * np.prod(chest.spacing) / 1e6
    assert 2 < litres < 9
    inside = chest.hu[chest.lungs]
    assert -950 < np.median(inside) < -750
    assert np.percentile(inside, 99.5) > -500  # vessels
    half = chest.lungs.shape[2] // 2
    assert 0.6 < chest.lungs[..., :half].sum() / chest.lungs[..., half:].sum() < 1.7
    assert (chest.hu > 120).sum() > 1000  # bone
    again = phantoms.make_phantom(np.random.default_rng(4))
    np.testing.assert_array_equal(again.hu, chest.hu)


@pytest.mark.parametrize("change", [add_nuisance, lambda volume, rng: plant(volume, rng)[0]])
def test_lesions_change_only_the_lungs(chest, change):
    changed = change(chest, np.random.default_rng(0))
    outside = ~chest.lungs
    np.testing.assert_allclose(changed.hu[outside], chest.hu[outside], atol=1e-3)
    assert (changed.hu[chest.lungs] != chest.hu[chest.lungs]).mean() > 0.005


def test_lesions_are_denser_and_their_share_is_returned(chest):
    planted, words = plant(chest, np.random.default_rng(1))
    assert planted.hu[chest.lungs].mean() > chest.hu[chest.lungs].mean()
    assert 0.002 < float(words.split()[2]) < 0.4


def test_lungs_are_deformed_with_their_body(chest):
    bent = deform(chest, np.random.default_rng(2))
    assert bent.hu.shape == chest.hu.shape
    assert (bent.lungs != chest.lungs).mean() > 0.01
    assert np.median(bent.hu[bent.lungs]) == pytest.approx(np.median(chest.hu[chest.lungs]), abs=40)


def test_written_volumes_are_read_back(tmp_path):
    write(tmp_path / "made", 2, 7, None)
    items = read_table(tmp_path / "made" / "manifest.csv")
    assert [item.covid for item in items] == [False, True]
    assert len({item.patient for item in items}) == 2
    scan = read_scan(items[1].path)
    assert scan.intensity == "hu"
    assert 8 <= scan.spacing[0] <= 11
    with (tmp_path / "made" / "manifest.csv").open(newline="") as file:
        assert [row["planted"] == "none" for row in csv.DictReader(file)] == [True, False]


def test_aggregations_compute_what_their_names_say():
    study = Study(np.array([0.1, 0.2, 0.9]), np.array([1.0, 1.0, 2.0]), True, "a")
    found = {name: of(study) for name, of in AGGREGATIONS.items()}
    assert found["lung-weighted mean (ships)"] == pytest.approx((0.1 + 0.2 + 1.8) / 4)
    assert found["mean"] == pytest.approx(0.4)
    assert found["maximum"] == found["mean of the top tenth"] == found["mean of the top third"] == 0.9
    assert 1 - np.exp(-found["noisy-or"]) == pytest.approx(1 - 0.9 * 0.8 * 0.1)
    assert learned([study] * 6) is None
    rng = np.random.default_rng(0)
    many = [
        Study(rng.uniform(0.4 * c, 0.6 + 0.4 * c, 9), np.ones(9), bool(c), str(i)) for i in range(30) for c in (i % 2,)
    ]
    scores, covid = learned(many), np.array([one.covid for one in many])
    assert scores[covid].mean() > scores[~covid].mean()
