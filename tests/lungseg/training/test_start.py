"""A network that halves the picture initially acts like its predecessor on half the picture."""

from dataclasses import replace

import numpy as np
import pytest

from lungct.lungseg.architectures import build_network
from lungct.weights import SEGMENTER, load_card
from lungct.weights.release import release, save_half

pytestmark = pytest.mark.train

FIELDS = ("version", "task", "preprocessing", "decision", "training_data", "licence")


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A released network of stride 1 with varied weights, including biases."""
    folder = tmp_path_factory.mktemp("old")
    arguments = {"size": 32, "filters": 4}
    model = build_network(**arguments)
    rng = np.random.default_rng(0)
    # Close to the initial values: variances stay above zero, and answers depend on every weight.
    model.set_weights([value + rng.normal(0, 0.05, value.shape).clip(-0.1, 0.1) for value in model.get_weights()])
    fields = {name: getattr(load_card(SEGMENTER), name) for name in FIELDS}
    card = release(model, folder, "own", architecture={"name": "bcdunet", **arguments}, **fields)
    return model, card.write()


def test_stride_two_equals_stride_one_on_half_the_picture(old):
    from lungct.lungseg.training.start import start_from

    teacher, path = old
    pupil = build_network(size=64, filters=4, stride=2)
    start_from(pupil, path)
    picture = np.random.default_rng(1).random((1, 64, 64, 1)).astype(np.float32)
    halved = picture.reshape(1, 32, 2, 32, 2, 1).mean(axis=(2, 4))
    logit = lambda probability: np.log(probability / (1 - probability))  # noqa: E731
    small, large = (logit(np.asarray(model(x))[0, ..., 0]) for model, x in ((teacher, halved), (pupil, picture)))
    # Bilinear: a point between pixels has three parts of the nearer and one of the farther, in both directions.
    near, far = small[1:-1, 1:-1], small[:-2, :-2]
    corner = (9 * near + 3 * small[:-2, 1:-1] + 3 * small[1:-1, :-2] + far) / 16
    np.testing.assert_allclose(large[2:-2:2, 2:-2:2], corner, atol=1e-3)


def test_initial_weights_require_an_equal_network(old, tmp_path):
    from lungct.lungseg.training.start import start_from

    teacher, path = old
    same = build_network(size=16, filters=4)
    start_from(same, path)
    for one, other in zip(same.get_weights(), teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="another network"):
        start_from(build_network(size=16, filters=8), path)
    save_half(teacher, tmp_path / "x.npz")
    teacher.save_weights(tmp_path / "x.weights.h5")
    start_from(same, tmp_path / "x.weights.h5")


def test_cards_without_a_stride_mean_stride_one():
    card = load_card(SEGMENTER)
    older = replace(card, architecture={key: value for key, value in card.architecture.items() if key != "stride"})
    assert build_network(**{**older.architecture, "size": None}).get_layer("encoder0_a").strides == (1, 1)
