"""The network with a map of infection: two questions, two answers, and what may teach which."""

import numpy as np
import pytest

from lungct.classify import build_classifier

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def model():
    """A network whose class head has random weights; as built, it starts undecided."""
    made = build_classifier(64, lesions=True)
    rng = np.random.default_rng(0)
    for name in ("evidence_infected", "evidence_lung"):
        layer = made.get_layer(name)
        layer.set_weights([rng.normal(0, 0.3, one.shape) for one in layer.get_weights()])
    return made


@pytest.fixture
def lungs():
    rng = np.random.default_rng(1)
    roi = np.zeros((2, 64, 64, 1), np.float32)
    roi[:, 8:56, 4:28] = rng.uniform(0.2, 0.9, (2, 48, 24, 1))
    roi[:, 8:56, 36:60] = rng.uniform(0.2, 0.9, (2, 48, 24, 1))
    return roi


def heads(model):
    import keras

    return keras.Model(model.input, [model.get_layer(name).output for name in ("infected", "disease")])


def sigmoid(values):
    return 1 / (1 + np.exp(-np.asarray(values)))


def test_the_probability_is_the_product_of_both_answers(model, lungs):
    logit, evidence, features, textures, lesions = (np.asarray(one) for one in model(lungs, training=False))
    infected, disease = (np.asarray(one) for one in heads(model)(lungs, training=False))
    assert (features.shape, textures.shape, lesions.shape) == ((2, 1280), (2, 112), (2, 32, 32, 1))
    np.testing.assert_allclose(sigmoid(logit), sigmoid(infected) * sigmoid(disease), rtol=1e-4)
    np.testing.assert_allclose(disease[:, 0], evidence.mean(axis=(1, 2, 3)), atol=1e-5)


def test_a_clean_lung_is_improbable_whatever_its_disease_would_be(lungs):
    made = build_classifier(64, lesions=True)
    made.get_layer("evidence_lung").bias.assign([6.0])  # COVID, if anything
    made.get_layer("lesions").bias.assign([-9.0])
    assert sigmoid(made(lungs, training=False)[0]).max() < 0.01
    made.get_layer("lesions").bias.assign([9.0])
    assert sigmoid(made(lungs, training=False)[0]).min() > 0.9


def test_only_lung_counts_for_the_score(model, lungs):
    """A slice with one lung scores by that lung's most infected cells, not by the black half."""
    one = lungs.copy()
    one[:, :, 32:] = 0
    lesions = np.asarray(model(one, training=False)[-1])[..., 0]
    found = np.asarray(heads(model)(one, training=False)[0])[:, 0]
    cells = lesions.reshape(2, 8, 4, 8, 4).mean(axis=(2, 4))
    inside = (one[..., 0] > 0).reshape(2, 8, 8, 8, 8).mean(axis=(2, 4)) >= 0.3
    scored = np.where(inside, cells, -12.0).reshape(2, -1)
    expected = np.sort(scored, axis=1)[:, -24:].mean(axis=1)
    layer = model.get_layer("infected")
    np.testing.assert_allclose(found, expected * np.asarray(layer.kernel)[0, 0] + np.asarray(layer.bias)[0], atol=1e-3)


def test_labels_do_not_teach_the_map(model, lungs):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        logit = tf.reduce_sum(model(lungs, training=False)[0])
    layers = [model.get_layer(name).kernel for name in ("lesions", "decoder", "infected", "evidence_lung")]
    *taught_by_masks, evidence = tape.gradient(logit, [one.value for one in layers])
    assert taught_by_masks == [None, None, None]
    assert np.abs(evidence).max() > 0


def test_the_map_starts_from_a_copy_of_the_class_blocks():
    from lungct.classify.network import start_map

    made = build_classifier(64, lesions=True)
    upper, mapping = (made.get_layer(name) for name in ("upper_blocks", "mapping_blocks"))
    kernels = [part.get_layer("block5a_expand_conv").kernel for part in (upper, mapping)]
    assert not np.array_equal(*(np.asarray(one) for one in kernels))
    start_map(made)
    np.testing.assert_array_equal(*(np.asarray(one) for one in kernels))
    kernels[0].assign(np.zeros_like(kernels[0]))
    assert np.asarray(kernels[1]).any()  # a copy, not the same weights


def test_small_inputs_and_backbones_without_fine_layers_are_refused():
    with pytest.raises(ValueError, match="at least 64, not 32"):
        build_classifier(32, lesions=True)
    with pytest.raises(ValueError, match="xception has no map of infection; choose one of efficientnetb0, resnet50"):
        build_classifier(96, backbone="xception", lesions=True)
    for backbone in ("resnet50", "vgg16"):
        outputs = build_classifier(64, backbone=backbone, lesions=True)(np.zeros((1, 64, 64, 1), np.float32))
        assert outputs[-1].shape == (1, 32, 32, 1)
