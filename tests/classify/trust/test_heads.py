"""The ensemble of heads."""

import numpy as np

from lungct.classify.trust.heads import HEADS, TrainingAnswers, fit_heads, head_logits


def answers(patients, slices=4, size=80, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(patients * slices, size)).astype(np.float32)
    logits = 2 * features[:, 0].astype(np.float64)
    covid = rng.random(len(logits)) < 1 / (1 + np.exp(-logits))
    names = np.repeat([f"p{index}" for index in range(patients)], slices)
    sources = np.where(np.arange(len(names)) < len(names) // 2, "a", "b")
    return TrainingAnswers(features, logits, covid, names, sources, np.full(len(names), 1 / len(names)))


def test_heads_scatter_around_the_network():
    said = answers(60)
    heads = fit_heads(said)
    assert heads.shape == (HEADS, said.features.shape[1] + 1)
    moved = head_logits(heads, said.features)
    assert np.allclose(moved.mean(axis=1), 0, atol=1e-3)
    assert np.array_equal(heads, fit_heads(said))


def test_more_patients_make_heads_agree():
    spread = [head_logits(fit_heads(answers(count)), answers(60, seed=9).features).std() for count in (40, 400)]
    assert spread[1] < 0.7 * spread[0]
