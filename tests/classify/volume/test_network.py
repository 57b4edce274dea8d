"""The 3-D CNN: as in the paper, and with the same numbers from every engine."""

import numpy as np
import pytest

from lungct.classify.volume.network import build_volume_classifier
from lungct.weights import WeightsError, open_session

pytestmark = pytest.mark.train


def test_network_matches_the_paper():
    model = build_volume_classifier()
    assert model.input_shape == (None, 64, 128, 128, 1)
    assert model.count_params() == 1_352_897  # the Keras example of the paper
    widths = [layer.filters for layer in model.layers if type(layer).__name__ == "Conv3D"]
    assert widths == [64, 64, 128, 256]
    assert build_volume_classifier((32, 64, 64)).get_layer("norm4").output.shape == (None, 2, 4, 4, 256)
    for wrong in (((8, 8), 4), ((0, 8, 8), 4), ((8, 8, 8), 0)):
        with pytest.raises(ValueError, match="must be"):
            build_volume_classifier(*wrong)


def test_exported_network_agrees_on_both_engines(tmp_path):
    import keras

    from lungct.weights.release import load_into, release

    keras.utils.set_random_seed(3)
    shape = (8, 16, 24)
    model = build_volume_classifier(shape, 4)
    model.get_layer("norm2").moving_mean.assign(np.linspace(-0.1, 0.2, 4))
    nothing = {name: {} for name in ("architecture", "preprocessing", "decision")}
    card = release(model, tmp_path, "cnn3d-covid", version="1", task="", training_data=[], licence="", **nothing)
    volumes = np.random.default_rng(0).random((2, *shape, 1), dtype=np.float32)
    expected = np.asarray(model(volumes, training=False))
    assert np.ptp(expected) > 1e-4
    for engine in ("openvino", "onnxruntime"):
        np.testing.assert_allclose(open_session(card, engine).run(volumes)[0], expected, atol=1e-5)
    again = build_volume_classifier(shape, 4)
    load_into(again, card)
    np.testing.assert_allclose(again(volumes, training=False), expected, atol=1e-6)
    with pytest.raises(WeightsError, match="does not fit"):
        load_into(build_volume_classifier(shape, 5), card)
