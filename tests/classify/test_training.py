"""What one training example is: pictures, slices with lesions, and what teachers say of both."""

from pathlib import Path

import numpy as np
import pytest

from lungct.classify.dataset import Example
from lungct.classify.lesions import Lesions
from lungct.classify.recipe import ClassifierRecipe
from lungct.classify.regions import Regions
from lungct.classify.training import _examples

pytestmark = pytest.mark.train


@pytest.fixture
def parts():
    pixels = np.full((2, 32, 32), 120, np.uint8)
    pictures = [Example(Path(f"{index}.png"), bool(index), str(index), "a", "train") for index in range(2)]
    return Regions(pixels, pictures), Lesions(pixels[:1], np.full((1, 32, 32), 255, np.uint8))


def test_what_is_unknown_weighs_nothing(parts):
    example = _examples(*parts, None, (1, 1), ClassifierRecipe(size=32))
    for index, label in enumerate((0.0, 1.0)):
        roi, targets, weights = example(index, 7)
        assert roi.shape == (32, 32, 1)
        assert targets["logit"] == [label]
        assert (weights["logit"], weights["lesions"].item()) == (1, 0)
    _, targets, weights = example(2, 7)
    assert targets["lesions"].item() > 0.5
    assert (weights["logit"], weights["lesions"].item()) == (0, 1)


def test_teachers_see_the_changed_region_and_share_the_target(parts):
    seen = []

    def teach(roi):
        seen.append(roi)
        return 0.8

    example = _examples(*parts, teach, (1, 1), ClassifierRecipe(size=32, teachers_share=0.7))
    for index, target in enumerate((0.56, 0.86, 0.8)):  # the last has no label: the teachers alone
        roi, targets, weights = example(index, 7)
        assert targets["logit"] == pytest.approx([target])
        assert weights["logit"] == 1
        np.testing.assert_array_equal(seen[-1], roi[..., 0])
