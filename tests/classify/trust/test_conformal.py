"""Prediction sets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lungct.classify.trust.conformal import LABELS, Conformal, checked_level


def patients_of(rng, count):
    """Return probabilities, labels and names: slices of one patient are equally difficult."""
    slices = rng.integers(1, 8, count)
    names = np.repeat([f"p{index}" for index in range(count)], slices)
    covid = np.repeat(rng.random(count) < 0.5, slices)
    logits = np.where(covid, 1.5, -1.5) + np.repeat(rng.normal(0, 1.5, count), slices) + rng.normal(0, 0.5, len(names))
    return 1 / (1 + np.exp(-logits)), covid, names


@pytest.mark.parametrize("level", [0.05, 0.1, 0.3])
def test_true_label_is_missing_no_more_often_than_stated(level):
    rng = np.random.default_rng(0)
    wrong = {True: [], False: []}
    for _ in range(60):
        conformal = Conformal.fit(*patients_of(rng, 150))
        probabilities, covid, names = patients_of(rng, 60)
        first = np.unique(names, return_index=True)[1]  # one slice of each new patient
        for probability, truth in zip(probabilities[first], covid[first], strict=True):
            wrong[truth].append(LABELS[not truth] not in conformal.labels(probability, level))
    for each in wrong.values():
        assert abs(np.mean(each) - level) < 0.03


@given(seed=st.integers(0, 50), probability=st.floats(0, 1), level=st.floats(0.01, 0.5), less=st.floats(0.1, 0.9))
def test_lower_error_levels_need_larger_sets(seed, probability, level, less):
    conformal = Conformal.fit(*patients_of(np.random.default_rng(seed), 40))
    assert set(conformal.labels(probability, level)) <= set(conformal.labels(probability, level * less))


def test_patients_count_not_their_slices():
    """One patient of a hundred slices moves the bound as one of a single slice does."""
    others = np.linspace(0.1, 0.4, 18)
    names = np.array([f"p{number}" for number in range(18)])

    def fitted(slices):
        wrong = np.full(slices, 0.9)  # scores of the patient beside the others
        scores, patients = np.concatenate([others, wrong]), np.concatenate([names, np.repeat("hard", slices)])
        return Conformal.fit(1 - scores, np.ones(len(scores), bool), patients).covid.highest(0.2)

    assert fitted(100) == fitted(1) == pytest.approx(others[15])


def test_too_few_patients_rule_nothing_out():
    conformal = Conformal.fit(np.array([0.9, 0.1]), np.array([True, False]), np.array(["a", "b"]))
    assert conformal.labels(0.99, 0.1) == LABELS


@pytest.mark.parametrize("level", [0, 1, -0.1, 90, float("nan")])
def test_levels_are_shares(level):
    with pytest.raises(ValueError, match=r"error_level must be a share between 0 and 1, such as 0\.1"):
        checked_level(level)
