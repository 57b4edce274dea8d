"""Evidence: the heatmap over the lungs, and how much of it is inside them."""

import numpy as np
import pytest

from lungct.classify import Classifier, Evidence
from lungct.sources import Scan


def made(grid, box=(slice(10, 50), slice(20, 100)), lungs_only=False):
    return Evidence(np.array(grid, np.float32), box, lungs_only)


def test_heatmap_covers_the_lungs_and_half_means_undecided():
    mask = np.zeros((60, 120), bool)
    mask[15:45, 30:50] = True
    np.testing.assert_array_equal(made(np.zeros((2, 4))).over(mask), 0.5 * mask)
    heat = made([[3, -3], [3, -3]]).over(mask)
    assert heat[30, 30] > 0.9
    mask[:] = True
    heat = made([[3, -3], [3, -3]]).over(mask)
    assert heat[30, 95] < 0.1
    assert not heat[:10].any()


def test_share_inside_the_lungs_counts_evidence_for_the_predicted_class():
    mask = np.zeros((60, 120), bool)
    mask[10:50, 20:50] = True  # all of the first column, half of the second
    evidence = made([[1, 1, 1, -1], [1, 1, 1, -1]])
    inside, whole = evidence.mass(mask, covid=True)
    assert inside / whole == pytest.approx(1.5 / 3)
    assert evidence.mass(mask, covid=False)[0] == 0
    assert evidence.mass(mask, covid=False)[1] == pytest.approx(whole / 3)
    inside, whole = made([[1, 1, 1, -1]], lungs_only=True).mass(mask, covid=True)
    assert inside == whole


def test_cells_that_end_between_pixels_and_lungs_of_a_pixel():
    mask = np.zeros((60, 120), bool)
    mask[10, 20] = True
    inside, whole = made(np.ones((5, 5)), (slice(10, 11), slice(20, 21))).mass(mask, covid=True)
    assert inside == pytest.approx(whole)
    mask[:] = True
    inside, whole = made(np.ones((5, 5)), (slice(1, 8), slice(3, 20))).mass(mask, covid=True)
    assert inside == pytest.approx(whole)


def test_the_logits_of_the_map_average_to_that_of_the_answer(chest):
    hu, lungs = chest
    classifier = Classifier()
    found = classifier.classify(Scan(hu[None], "hu"), [lungs])
    logit = np.log(found.probability / (1 - found.probability))
    assert 3 * found.evidence[0].grid.mean() == pytest.approx(logit, abs=1e-3)
