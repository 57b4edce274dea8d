"""The shipped ONNX networks contain the shipped Keras weights."""

import numpy as np
import pytest

from lungct.classify import build_classifier
from lungct.lungseg import build_bcdunet
from lungct.lungseg.architectures import build_network
from lungct.weights import CLASSIFIER, SEGMENTER, WeightsError, load_card, open_session

pytestmark = pytest.mark.train


def build(card):
    if card.name == SEGMENTER:
        return build_network(**card.architecture)
    return build_classifier(**card.architecture)


@pytest.mark.parametrize("name", [SEGMENTER, CLASSIFIER])
@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_keras_and_onnx_agree_on_trained_weights(name, engine):
    from lungct.weights.release import load_into

    card = load_card(name)
    model = build(card)
    load_into(model, card)
    size = card.preprocessing["size"]
    # A typical input is a smooth picture in [0, 1], not only white noise.
    y, x = np.mgrid[:size, :size] / size
    noise = np.random.default_rng(0).random((size, size))
    inputs = np.clip(0.5 + 0.5 * np.sin(9 * x) * np.cos(7 * y) + 0.1 * noise, 0, 1)[None, ..., None].astype(np.float32)
    expected = model(inputs, training=False)
    expected = expected if isinstance(expected, list) else [expected]
    found = open_session(card, engine).run(inputs)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, np.asarray(other), atol=1e-4)


def test_half_precision_round_trip_and_misfits(tmp_path):
    from lungct.weights.release import load_half, save_half

    model = build_bcdunet(16, 2, 1, bidirectional=False)
    save_half(model, tmp_path / "half.npz")
    before = [value.astype(np.float16).astype(np.float32) for value in model.get_weights()]
    load_half(model, tmp_path / "half.npz")
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(WeightsError, match="does not fit"):
        load_half(build_bcdunet(16, 4, 1), tmp_path / "half.npz")
    model.set_weights([np.full_like(value, 1e6) for value in model.get_weights()])
    save_half(model, tmp_path / "large.npz")
    load_half(model, tmp_path / "large.npz")
    assert all((value == 1e6).all() for value in model.get_weights())
