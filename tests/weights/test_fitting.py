"""Training resumes after being killed as if nothing had happened."""

import csv

import numpy as np
import pytest

pytestmark = pytest.mark.train

INPUTS = np.random.default_rng(0).random((24, 4), dtype=np.float32)
TARGETS = (INPUTS.sum(axis=1, keepdims=True) > 2).astype(np.float32)


def run(folder, epochs, settings=None, averaged=False):
    import keras

    from lungct.weights.fitting import epoch_batches, fit

    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.3)])
    model.add(keras.layers.Dense(1, "sigmoid"))
    schedule = keras.optimizers.schedules.CosineDecay(0.05, 24)
    model.compile(keras.optimizers.Adam(schedule, use_ema=averaged), "binary_crossentropy", metrics=["mae"])

    def example(index, seed):
        noise = np.random.default_rng(seed).normal(0, 0.05, 4).astype(np.float32)
        return INPUTS[index] + noise, TARGETS[index]

    def batches(epoch):
        return epoch_batches(example, np.random.default_rng(epoch).permutation(24), epoch, 8)

    best = fit(
        model,
        batches,
        (INPUTS, TARGETS),
        folder,
        epochs=epochs,
        monitor="val_loss",
        mode="min",
        settings=settings or {"a": 1},
        evaluate=lambda current: {"first": float(current.get_weights()[0][0, 0])},
    )
    return model, best


def history(folder):
    with (folder / "history.csv").open(newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


@pytest.mark.parametrize("averaged", [False, True])
def test_interrupted_run_equals_an_unbroken_one(tmp_path, averaged):
    unbroken, best = run(tmp_path / "unbroken", 6, averaged=averaged)
    run(tmp_path / "broken", 2, averaged=averaged)
    resumed, best_resumed = run(tmp_path / "broken", 6, averaged=averaged)
    assert best["val_loss"] == pytest.approx(best_resumed["val_loss"], abs=1e-5)
    for one, other in zip(unbroken.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    rows = history(tmp_path / "unbroken")
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[-1]["loss"] < rows[0]["loss"]
    for row, other in zip(rows, history(tmp_path / "broken"), strict=True):
        assert row == pytest.approx(other, abs=1e-4)
    assert (tmp_path / "broken" / "history.png").stat().st_size > 5000


def test_averaged_weights_are_measured_and_training_continues_from_them(tmp_path):
    """After one epoch of three steps, the averages are still close to the weights of the first step."""
    _, steps = run(tmp_path / "steps", 1)
    _, averages = run(tmp_path / "averages", 1, averaged=True)
    assert averages["loss"] == pytest.approx(steps["loss"], abs=1e-6)
    assert averages["first"] != pytest.approx(steps["first"], abs=1e-4)


def test_best_epoch_is_restored(tmp_path):
    model, best = run(tmp_path, 4)
    assert best["val_loss"] == min(row["val_loss"] for row in history(tmp_path))
    assert best["first"] == pytest.approx(float(model.get_weights()[0][0, 0]))


def test_a_run_with_other_settings_is_refused(tmp_path):
    run(tmp_path, 1)
    with pytest.raises(ValueError, match="other settings"):
        run(tmp_path, 2, {"a": 2})
