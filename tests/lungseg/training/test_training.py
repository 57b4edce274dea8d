"""A killed run resumes as if nothing had happened."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from lungct.lungseg.data.dataset import DataSet

from ...conftest import eager_training, make_chest

pytestmark = pytest.mark.train


def val_dice(folder):
    with (folder / "history.csv").open(newline="") as file:
        return [float(row["val_dice"]) for row in csv.DictReader(file)]


@pytest.fixture
def eagerly():
    with eager_training():
        yield


def test_resumed_run_equals_the_unbroken_one(tmp_path, monkeypatch, eagerly):
    import keras

    from lungct.lungseg.training import train as training
    from lungct.lungseg.training.recipe import SegmenterRecipe

    released = []
    monkeypatch.setattr(training, "release_segmenter", lambda *_, **__: released.append(1))  # tested in tests/pipeline

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
    training.train_segmenter(data, tmp_path / "unbroken", recipe, version="test", licence="none")

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
            training.train_segmenter(data, tmp_path / "broken", recipe, version="test", licence="none")
    assert len(released) == 1
    assert len(json.loads((tmp_path / "broken" / "state.json").read_text())["history"]) == 1
    training.train_segmenter(data, tmp_path / "broken", recipe, version="test", licence="none")
    assert len(released) == 2
    np.testing.assert_allclose(val_dice(tmp_path / "broken"), val_dice(tmp_path / "unbroken"), atol=0.002)


def test_a_share_of_the_initial_weights_needs_initial_weights(tmp_path):
    from lungct.lungseg.training import train as training
    from lungct.lungseg.training.recipe import SegmenterRecipe

    for name in ("ct", "lungs"):
        (tmp_path / name).mkdir()
        for number in range(2):
            Image.new("L", (32, 32), 255).save(tmp_path / name / f"{number}.png")
    data = [DataSet(tmp_path / "ct", tmp_path / "lungs")]
    recipe = SegmenterRecipe(size=32, filters=2, dense_blocks=1, init_share=0.5)
    with pytest.raises(ValueError, match="--init"):
        training.train_segmenter(data, tmp_path / "run", recipe, version="test", licence="none")


def test_weights_are_averaged_by_their_share():
    from lungct.lungseg.training.start import mean_of

    before, after = [np.array([1.0, 2.0], np.float32)], [np.array([3.0, 4.0], np.float32)]
    np.testing.assert_allclose(mean_of(before, after, 0.25)[0], [2.5, 3.5])
    np.testing.assert_array_equal(mean_of(before, after, 0)[0], after[0])
    assert mean_of(before, after, 0.25)[0].dtype == np.float32
