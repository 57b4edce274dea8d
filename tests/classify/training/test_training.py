"""Training examples: pictures, slices with lesions, and the teachers' answers for both."""

import json
from pathlib import Path

import numpy as np
import pytest

from lungct.classify.data.dataset import Example
from lungct.classify.data.regions import Regions
from lungct.classify.training.lesions import Lesions
from lungct.classify.training.loss import focal_loss
from lungct.classify.training.recipe import ClassifierRecipe
from lungct.classify.training.train import _examples, _fit

pytestmark = pytest.mark.train


@pytest.fixture
def parts():
    pixels = np.full((2, 32, 32), 120, np.uint8)
    pictures = [Example(Path(f"{index}.png"), bool(index), str(index), "a", "train") for index in range(2)]
    return Regions(pixels, pictures), Lesions(pixels[:1], np.full((1, 32, 32), 255, np.uint8))


def test_unknown_targets_have_no_weight(parts):
    example = _examples(*parts, None, (1, 1), ClassifierRecipe(size=32))
    for index, label in enumerate((0.0, 1.0)):
        roi, targets, weights = example(index, 7)
        assert roi.shape == (32, 32, 1)
        assert targets["logit"] == [label]
        assert (weights["logit"], weights["lesions"].item()) == (1, 0)
    _, targets, weights = example(2, 7)
    assert targets["lesions"].item() > 0.5
    assert (weights["logit"], weights["lesions"].item()) == (0, 1)


def test_teachers_see_the_augmented_region_and_share_the_target(parts):
    seen = []

    def teach(roi):
        seen.append(roi)
        return 0.8

    example = _examples(*parts, teach, (1, 1), ClassifierRecipe(size=32, teachers_share=0.7))
    for index, target in enumerate((0.56, 0.86, 0.8)):  # the last has no label, so only the teachers count
        roi, targets, weights = example(index, 7)
        assert targets["logit"] == pytest.approx([target])
        assert weights["logit"] == 1
        np.testing.assert_array_equal(seen[-1], roi[..., 0])


def small_network():
    """Return a network with the classifier's inputs and outputs, of one convolution."""
    import keras

    inputs = keras.Input((32, 32, 1))
    features = keras.layers.Conv2D(8, 8, strides=8, activation="relu")(inputs)
    logit = keras.layers.GlobalAveragePooling2D(name="logit")(keras.layers.Conv2D(1, 1)(features))
    return keras.Model(inputs, {"logit": logit, "lesions": keras.layers.Conv2D(1, 1, name="lesions")(features)})


def test_both_tasks_are_learnt_in_a_graph(tmp_path):
    import keras

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    covid = np.arange(32) % 2 == 1
    pixels = (rng.integers(0, 60, (32, 32, 32)) + 120 * covid[:, None, None]).astype(np.uint8)
    pictures = [Example(Path(f"{index}.png"), bool(index % 2), str(index), "a", "train") for index in range(32)]
    drawn = np.zeros((8, 32, 32), np.uint8)
    drawn[:, :16] = 255
    regions, lesions = Regions(pixels, pictures), Lesions((drawn // 2) + pixels[:8] // 8, drawn)
    recipe = ClassifierRecipe(size=32, epochs=4, epoch_size=64, lesion_slices=32, batch_size=8, learning_rate=0.03)
    model = small_network()
    best = _fit(model, focal_loss(2.0, 0.5), regions, regions, lesions, None, tmp_path, recipe, ["test"])
    assert not model.run_eagerly
    assert best["val_auc_mean"] > 0.95
    rows = json.loads((tmp_path / "state.json").read_text())["history"]
    for task in ("logit_loss", "lesions_loss"):
        assert rows[-1][task] < 0.8 * rows[0][task]
