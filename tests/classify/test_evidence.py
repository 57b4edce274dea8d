"""Evidence: the heatmap over the lungs."""

import numpy as np
import pytest

from lungct.classify import Classifier, Evidence
from lungct.sources import Scan
from lungct.weights import CLASSIFIERS, load_card


def made(grid, box=(slice(10, 50), slice(20, 100))):
    return Evidence(np.array(grid, np.float32), box)


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


def test_the_logits_of_the_map_average_to_that_of_the_answer(chest):
    hu, lungs = chest
    classifier = Classifier(load_card(CLASSIFIERS["xray"]))  # without a map of infection, whose answer is a factor
    found = classifier.classify(Scan(hu[None], "hu"), [lungs], explain="cam")
    logit = np.log(found.probability / (1 - found.probability))
    assert 3 * found.evidence[0].grid.mean() == pytest.approx(logit, abs=1e-3)
