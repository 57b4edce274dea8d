"""The optimizer's schedule, its decay, and the average that is kept."""

import numpy as np
import pytest

from lungct.classify.training.optimizer import averaging_adamw
from lungct.classify.training.recipe import ClassifierRecipe

pytestmark = pytest.mark.train

RECIPE = ClassifierRecipe(learning_rate=0.1, weight_decay=0.5, averaging=0.75)


def test_rate_rises_for_a_tenth_of_the_run_and_falls_to_zero():
    steps = 100
    schedule = averaging_adamw(RECIPE, steps)._learning_rate
    rates = np.array([float(schedule(step)) for step in range(steps + 12)])
    assert rates[0] == pytest.approx(0.01)
    peak = int(rates.argmax())
    assert rates[peak] == pytest.approx(0.1)
    assert peak == steps // 10 + 1
    assert (np.diff(rates[: peak + 1]) > 0).all()
    assert (np.diff(rates[peak:]) < 0).all()
    assert rates[-1] == pytest.approx(0, abs=1e-6)
    assert rates[peak + steps // 2] == pytest.approx(0.05)


def test_weights_decay_and_their_average_is_what_is_kept():
    import keras

    optimizer = averaging_adamw(RECIPE, 100)
    weight = keras.Variable([2.0])
    values = []
    for _ in range(3):
        optimizer.apply([keras.ops.zeros(1)], [weight])  # no gradient: only decay moves it
        values.append(weight.numpy().item())
    assert values[0] == pytest.approx(2 - 2 * 0.5 * 0.01)
    optimizer.finalize_variable_values([weight])
    expected = values[0]
    for value in values[1:]:
        expected = 0.75 * expected + 0.25 * value
    assert weight.numpy().item() == pytest.approx(expected, abs=1e-6)


def test_gradients_are_clipped():
    import keras

    optimizer = averaging_adamw(RECIPE, 100)
    weight = keras.Variable([1.0, 1.0])
    optimizer.apply([keras.ops.convert_to_tensor([300.0, 400.0])], [weight])
    moments = {value.path.split("/")[-1]: value.numpy() for value in optimizer.variables}
    (first,) = [value for name, value in moments.items() if "_momentum" in name]
    np.testing.assert_allclose(first, [0.06, 0.08], rtol=1e-5)  # a tenth of (0.6, 0.8), of norm 1
