"""The losses equal their formulas, also for soft targets, and are finite if the network is certain."""

import numpy as np
import pytest

from lungct.classify.training.loss import focal_loss, lesion_loss

pytestmark = pytest.mark.train


@pytest.mark.parametrize("gamma", [0, 1, 2, 5])
@pytest.mark.parametrize("alpha", [0.25, 0.5, 0.75])
def test_loss_matches_the_paper(gamma, alpha):
    logits = np.linspace(-6, 6, 25, dtype=np.float32)[:, None]
    sure = 1 / (1 + np.exp(-logits.astype(float)))
    for target in (0.0, 0.3, 1.0):
        expected = -2 * (
            alpha * target * (1 - sure) ** gamma * np.log(sure)
            + (1 - alpha) * (1 - target) * sure**gamma * np.log(1 - sure)
        )
        found = focal_loss(gamma, alpha)(np.full_like(logits, target), logits)
        np.testing.assert_allclose(np.asarray(found), expected, rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("gamma", [0, 1, 2, 5])
def test_gradient_is_finite_even_at_certainty(gamma):
    import tensorflow as tf

    logits = tf.Variable([[-200.0], [-100.0], [0.0], [100.0], [200.0]])
    for target in (0.0, 0.5, 1.0):
        with tf.GradientTape() as tape:
            losses = focal_loss(gamma, 0.5)(tf.fill((5, 1), target), logits)
        assert np.isfinite(tape.gradient(losses, logits)).all()


def test_gamma_between_zero_and_one_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        focal_loss(0.5, 0.5)


def test_the_map_is_judged_inside_lungs_where_infection_is_known():
    lesions = np.zeros((2, 8, 8, 2), np.float32)
    lesions[0, :4, :, 0] = 1
    lesions[0, 2:, :, 1] = 1  # lung below the second row; the second slice is unknown
    right = np.where(lesions[..., :1] > 0, 12.0, -12.0).astype(np.float32)
    losses = np.asarray(lesion_loss(lesions, right))
    np.testing.assert_allclose(losses, [0, 0], atol=1e-3)
    outside = right.copy()
    outside[0, :2] = -12
    outside[1] = 12
    np.testing.assert_allclose(np.asarray(lesion_loss(lesions, outside)), losses, atol=1e-5)
    even = np.asarray(lesion_loss(lesions, np.zeros_like(right)))
    # cross-entropy twice ln 2; Dice of 16 true and 48 halves in common 8: (2 * 8 + 50) / (24 + 16 + 50)
    assert even[0] == pytest.approx(2 * np.log(2) + 1 - (16 + 50) / (24 + 16 + 50), abs=1e-3)
