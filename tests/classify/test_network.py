"""The classifier's network and its initial weights."""

import numpy as np
import pytest

from lungct.classify import build_classifier

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def model():
    return build_classifier(64)


def test_logit_is_the_mean_of_the_evidence(model):
    inputs = np.random.default_rng(0).random((2, 64, 64, 1), dtype=np.float32)
    logit, evidence, features, textures = (np.asarray(output) for output in model(inputs, training=False))
    assert logit.shape == (2, 1)
    assert (features.shape, textures.shape) == ((2, 1280), (2, 112))
    assert evidence.shape == (2, 2, 2, 1)
    np.testing.assert_allclose(logit[:, 0], evidence.mean(axis=(1, 2, 3)), atol=1e-5)


def test_backbone_is_efficientnetb0(model):
    """Keras' EfficientNetB0 without its top has 4,049,571 parameters, 7 of them in its Normalization layer."""
    assert model.get_layer("efficientnetb0").count_params() == 4_049_571 - 7


def test_impossible_sizes_and_backbones_are_refused():
    with pytest.raises(ValueError, match="multiple of 32"):
        build_classifier(100)
    with pytest.raises(ValueError, match="efficientnetb0, resnet50"):
        build_classifier(64, backbone="resnet51")


@pytest.mark.parametrize(
    ("backbone", "parameters"),
    [("resnet50", 23_587_712), ("vgg16", 14_714_688), ("inceptionv3", 21_802_784), ("xception", 20_861_480)],
)
def test_backbones_are_those_of_keras_applications(backbone, parameters):
    """Parameters without a top as keras.io lists them."""
    other = build_classifier(96, backbone=backbone)
    assert other.get_layer(backbone).count_params() == parameters
    logit, evidence, *means = other(np.zeros((1, 96, 96, 1), np.float32), training=False)
    assert all(mean.shape[0] == 1 and mean.ndim == 2 for mean in means)
    assert logit.shape == (1, 1)
    assert evidence.shape[-1] == 1


def test_folding_scaling_into_the_first_convolution_changes_nothing():
    """Keras' scaling before its EfficientNetB0, and ours before the folded one, give the same activations."""
    import keras

    from lungct.classify.network import _fold_scaling, _last_scaling

    whole = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(64, 64, 3))
    norm = next(layer for layer in whole.layers if isinstance(layer, keras.layers.Normalization))
    norm.set_weights([np.array([0.49, 0.46, 0.41]), np.array([0.05, 0.06, 0.07]), np.array(1)])
    norm.finalize_state()
    picture = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype(np.float32)
    stem = whole.get_layer("stem_bn").output
    before = np.asarray(keras.Model(whole.input, stem)(picture, training=False))
    _fold_scaling(whole)
    bare = keras.Model(_last_scaling(whole).output, stem)
    after = np.asarray(bare((picture - 127) / 128, training=False))
    np.testing.assert_allclose(after[:, :-1, :-1], before[:, :-1, :-1], atol=1e-4)  # padding has another grey value


@pytest.fixture
def lite0(model, tmp_path):
    """Convolutions with Lite0's shapes and names, and random weights."""
    from lungct.classify.network import backbone_layers
    from lungct.classify.training.lite0 import _layers_in_order

    rng, arrays = np.random.default_rng(0), {}
    for number, layer in enumerate(_layers_in_order(backbone_layers(model))[0]):
        shape = tuple(layer.kernel.shape)
        depthwise = "dwconv" in layer.name
        fan_in, channels = (shape[0] * shape[1], shape[2]) if depthwise else (np.prod(shape[:3]), shape[3])
        name = f"{number:02d}_{'dw' if depthwise else 'conv'}"
        arrays[f"{name}_kernel"] = rng.normal(0, np.sqrt(2 / fan_in), shape).astype(np.float32)
        arrays[f"{name}_bias"] = rng.normal(0, 0.1, channels).astype(np.float32)
    np.savez(tmp_path / "lite0.npz", **arrays)
    return tmp_path / "lite0.npz"


def test_lite0_weights_compute_lite0_in_training_and_at_inference(lite0):
    import keras

    from lungct.classify.training.lite0 import SHARPNESS, load_lite0

    smooth = np.kron(np.random.default_rng(0).random((12, 12, 12)), np.ones((1, 8, 8)))[..., None].astype(np.float32)
    model = build_classifier(96)
    load_lite0(model, lite0, smooth)
    backbone = model.get_layer("efficientnetb0")
    inputs = np.repeat(np.asarray(model.get_layer("scale")(smooth)), 3, axis=-1)
    with np.load(lite0) as archive:
        folded = keras.ops.conv(inputs, archive["00_conv_kernel"], strides=2, padding="same") + archive["00_conv_bias"]
    stem = keras.Model(backbone.get_layer("stem_conv_pad").input, backbone.get_layer("stem_activation").output)
    # swish(b z) / b differs from ReLU(z) by at most 0.2785 / b
    gap = np.abs(np.asarray(stem(inputs)) / SHARPNESS - np.asarray(keras.ops.relu(folded)))
    assert gap.max() <= 0.28 / SHARPNESS
    inference, training = (np.asarray(backbone(inputs, training=mode)[1]).mean(axis=(1, 2)) for mode in (False, True))
    assert np.corrcoef(inference.ravel(), training.ravel())[0, 1] > 0.85


def test_other_files_are_refused_as_initial_weights(model, tmp_path):
    from lungct.classify.training.lite0 import load_lite0

    np.savez(tmp_path / "other.npz", a_kernel=np.zeros(3), a_bias=np.zeros(3))
    with pytest.raises(ValueError, match="does not hold the 49 convolutions"):
        load_lite0(model, tmp_path / "other.npz", np.zeros((1, 64, 64, 1), np.float32))
    with pytest.raises(ValueError, match="efficientnetb0 only"):
        load_lite0(build_classifier(64, backbone="vgg16"), tmp_path / "other.npz", np.zeros((1, 64, 64, 1), np.float32))
