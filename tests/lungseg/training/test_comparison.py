"""Which networks a comparison trains, and its table."""

import csv
from dataclasses import asdict, replace

import pytest

from lungct.lungseg.training import comparison
from lungct.lungseg.training.recipe import SegmenterRecipe
from lungct.weights import SEGMENTER, load_card

RECIPE = SegmenterRecipe(size=32, epochs=1)
FIGURES = {"kaggle": {name: {"mean": 0.9, "interval": [0.85, 0.95]} for name in ("dice", "dice_tight_crop")}}


@pytest.fixture
def trained(monkeypatch):
    """Return the recipes that were trained: here each training writes a card at once."""
    recipes = []

    def train(data_sets, folder, recipe, **_):
        recipes.append(recipe)
        folder.mkdir(parents=True, exist_ok=True)
        metrics = {"recipe": {**asdict(recipe), "init": "start"}, "validation": FIGURES}
        card = replace(load_card(SEGMENTER), metrics=metrics, folder=folder)
        card.write()
        return card

    monkeypatch.setattr(comparison, "train_segmenter", train)
    monkeypatch.setattr(comparison, "_row", lambda name, card: {"network": name, "million parameters": 1.5})
    return recipes


def test_each_network_is_trained_once_with_a_recipe(trained, tmp_path):
    names = ["bcdunet-16-d1", "unet-28"]
    for _ in range(2):
        table = comparison.compare_networks([], tmp_path, RECIPE, names)
    assert [(recipe.architecture, recipe.filters) for recipe in trained] == [("bcdunet", 16), ("unet", 28)]
    assert table.read_text() == (
        "| network | million parameters |\n| --- | --- |\n| bcdunet-16-d1 | 1.5 |\n| unet-28 | 1.5 |\n"
    )
    with (tmp_path / "comparison.csv").open(newline="") as file:
        assert [row["network"] for row in csv.DictReader(file)] == names
    comparison.compare_networks([], tmp_path, replace(RECIPE, epochs=2), names[:1])
    assert [recipe.epochs for recipe in trained] == [1, 1, 2]


def test_unknown_networks_are_named_before_any_is_trained(trained, tmp_path):
    with pytest.raises(ValueError, match=r"unknown networks vnet; choose from bcdunet-16-d3, "):
        comparison.compare_networks([], tmp_path, RECIPE, ["unet-28", "vnet"])
    assert not trained


@pytest.mark.train
def test_operations_of_a_convolution_are_counted():
    """Of each output pixel: nine products of each of three channels, and as many sums, for each of four filters."""
    import keras

    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, padding="same", use_bias=False)])
    assert comparison.count_flops(model) == 8 * 8 * 4 * 2 * 9 * 3
