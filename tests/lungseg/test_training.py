"""A killed run goes on as if nothing had happened."""

import csv

import numpy as np
import pytest
from PIL import Image

from lungct.lungseg.dataset import DataSet

from ..conftest import make_chest

pytestmark = pytest.mark.train


def val_dice(folder):
    with (folder / "history.csv").open(newline="") as file:
        return [float(row["val_dice"]) for row in csv.DictReader(file)]


def test_resumed_run_equals_the_unbroken_one(tmp_path, monkeypatch):
    import keras

    from lungct.lungseg.recipe import SegmenterRecipe
    from lungct.lungseg.training import train_segmenter

    for name in ("ct", "lungs"):
        (tmp_path / name).mkdir()
    for seed in range(12):
        hu, lungs = make_chest(64, 64 + seed, seed)
        Image.fromarray(np.rint(np.clip((hu + 1000) / 1400, 0, 1) * 255).astype(np.uint8)).save(
            tmp_path / "ct" / f"{seed}.png"
        )
        Image.fromarray(lungs).save(tmp_path / "lungs" / f"{seed}.png")
    data = [DataSet(tmp_path / "ct", tmp_path / "lungs")]
    recipe = SegmenterRecipe(size=32, filters=4, dense_blocks=1, epochs=3, batch_size=4, learning_rate=3e-3)
    train_segmenter(data, tmp_path / "unbroken", recipe, version="test", licence="none")

    fit = keras.Model.fit
    calls = []

    def killed_in_the_second_epoch(model, *arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return fit(model, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(keras.Model, "fit", killed_in_the_second_epoch)
        with pytest.raises(KeyboardInterrupt):
            train_segmenter(data, tmp_path / "broken", recipe, version="test", licence="none")
    assert not (tmp_path / "broken" / "bcdunet-lung.json").exists()
    train_segmenter(data, tmp_path / "broken", recipe, version="test", licence="none")
    np.testing.assert_allclose(val_dice(tmp_path / "broken"), val_dice(tmp_path / "unbroken"), atol=0.002)
