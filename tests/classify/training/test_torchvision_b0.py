"""Weights under torchvision's names give Keras' EfficientNetB0 torchvision's function."""

import numpy as np
import pytest

from lungct.classify import build_classifier

pytestmark = pytest.mark.train


def torch_names(layers):
    """Yield torchvision's kind of names, one for each layer with weights, in the network's order."""
    for number, layer in enumerate(layers):
        yield f"features.{number}.0", layer


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Random arrays with torchvision's axes, under names in torchvision's order."""
    import keras

    from lungct.classify.network import backbone_layers

    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.BatchNormalization)
    layers = [one for one in backbone_layers(build_classifier(64)) if isinstance(one, kinds)]
    rng, arrays = np.random.default_rng(0), {}
    for name, layer in torch_names(layers):
        if isinstance(layer, keras.layers.BatchNormalization):
            size = layer.gamma.shape[0]
            for part, low in (("weight", 0.5), ("bias", -0.5), ("running_mean", -0.5), ("running_var", 0.5)):
                arrays[f"{name}.{part}"] = rng.uniform(low, low + 1, size).astype(np.float32)
            continue
        rows, columns, before, after = layer.kernel.shape
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        shape = (before, 1, rows, columns) if depthwise else (after, before, rows, columns)
        arrays[f"{name}.weight"] = rng.normal(0, 0.1, shape).astype(np.float16)
        if layer.use_bias:
            arrays[f"{name}.bias"] = rng.normal(0, 0.1, after).astype(np.float32)
    path = tmp_path_factory.mktemp("b0") / "b0.npz"
    np.savez(path, **arrays)
    return path


def test_the_first_layers_compute_what_torchvision_would(stored):
    import keras

    from lungct.classify.training.torchvision_b0 import MEAN, SPREAD, is_torchvision_b0, load_torchvision_b0

    model = build_classifier(64)
    assert is_torchvision_b0(stored)
    load_torchvision_b0(model, stored)
    grey = np.random.default_rng(1).random((1, 64, 64, 1), dtype=np.float32)
    lower = model.get_layer("efficientnetb0")
    stem = keras.Model(lower.get_layer("stem_conv_pad").input, lower.get_layer("stem_bn").output)
    found = np.asarray(stem(np.repeat(np.asarray(model.get_layer("scale")(grey)), 3, axis=-1)))
    with np.load(stored) as archive:
        kernel = archive["features.0.0.weight"].astype(np.float32).transpose(2, 3, 1, 0)
        gain, shift, mean, variance = (
            archive[f"features.1.0.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
    scaled = (np.repeat(grey, 3, axis=-1) - MEAN) / SPREAD
    convolved = np.asarray(keras.ops.conv(scaled, kernel, strides=2, padding="same"))
    expected = (convolved - mean) / np.sqrt(variance + 1e-5) * gain + shift
    np.testing.assert_allclose(found[:, :-1, :-1], expected[:, :-1, :-1], atol=1e-3)  # padding has another grey value


def test_other_files_and_backbones_are_refused(stored, tmp_path):
    from lungct.classify.training.torchvision_b0 import is_torchvision_b0, load_torchvision_b0

    np.savez(tmp_path / "other.npz", **{"features.0.0.weight": np.zeros((32, 3, 3, 3), np.float32)})
    with pytest.raises(ValueError, match="does not hold the layers of efficientnetb0"):
        load_torchvision_b0(build_classifier(64), tmp_path / "other.npz")
    with pytest.raises(ValueError, match="efficientnetb0 only"):
        load_torchvision_b0(build_classifier(64, backbone="vgg16"), stored)
    np.savez(tmp_path / "lite0.npz", a=np.zeros(3))
    assert not is_torchvision_b0(tmp_path / "lite0.npz")
