"""The training loop learns all tasks at once, in a graph, with the lower blocks as they were."""

import json
from pathlib import Path

import numpy as np
import pytest

from lungct.classify.data.dataset import Example
from lungct.classify.data.regions import Regions
from lungct.classify.training.lesions import Lesions
from lungct.classify.training.loss import focal_loss
from lungct.classify.training.recipe import ClassifierRecipe

pytestmark = pytest.mark.train


def small_network():
    """Return a network with the classifier's inputs and trained outputs, of one convolution."""
    import keras

    inputs = keras.Input((32, 32, 1))
    features = keras.layers.Conv2D(8, 8, strides=2, padding="same", activation="relu")(inputs)
    lesions = keras.layers.Conv2D(1, 1)(features)
    heads = [
        keras.layers.GlobalAveragePooling2D(name=name)(keras.layers.Conv2D(1, 1)(features))
        for name in ("logit", "infected", "disease")
    ]
    return keras.Model(inputs, [heads[0], *heads[1:], lesions])


def test_all_tasks_are_learnt_in_a_graph(tmp_path):
    import keras

    from lungct.classify.training.examples import ExampleMaker
    from lungct.classify.training.train import _fit

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    covid = np.arange(32) % 2 == 1
    pixels = (rng.integers(1, 60, (32, 32, 32)) + 120 * covid[:, None, None]).astype(np.uint8)
    pictures = [
        Example(Path(f"{index}.png"), bool(index % 2), str(index), "a", "train", details={"infected": str(index % 2)})
        for index in range(32)
    ]
    drawn = np.zeros((8, 32, 32), np.uint8)
    drawn[:, :16] = 255
    regions, lesions = Regions(pixels, pictures), Lesions((drawn // 2) + pixels[:8] // 8 + 1, drawn, ("A",) * 8)
    recipe = ClassifierRecipe(
        size=32, epochs=4, epoch_size=64, lesion_slices=32, batch_size=8, learning_rate=0.03, pasted=0.0
    )
    model = small_network()
    example = ExampleMaker(regions, lesions, None, recipe)
    loss = focal_loss(2.0, 0.5)
    best = _fit(model, loss, regions, regions, lesions, lesions, example, tmp_path, recipe, ["test"])
    assert best["val_auc_a"] > 0.95
    assert best["val_lesion_dice"] > 0.5
    assert best["val_mean"] == pytest.approx((best["val_auc_a"] + best["val_lesion_dice"]) / 2)
    rows = json.loads((tmp_path / "state.json").read_text())["history"]
    for task in ("logit_loss", "infected_loss", "lesions_loss"):
        assert rows[-1][task] < 0.85 * rows[0][task]


def test_what_carries_over_is_frozen_and_the_class_is_free():
    from lungct.classify import build_classifier
    from lungct.classify.training.train import _freeze

    model = build_classifier(64, lesions=True)
    _freeze(model, "efficientnetb0")
    assert not model.get_layer("efficientnetb0").trainable_variables
    mapping = {layer.name: layer.trainable for layer in model.get_layer("mapping_blocks").layers}
    assert mapping["block4a_expand_conv"]
    assert not mapping["block4a_expand_bn"]  # statistics stay as they are initialised
    assert all(layer.trainable for layer in model.get_layer("upper_blocks").layers)
