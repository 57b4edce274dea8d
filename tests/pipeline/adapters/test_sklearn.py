"""Estimators for scikit-learn: the pipeline's answers, in pipelines and cross-validation."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

from lungct.classify import RoiPreprocessing
from lungct.pipeline.adapters.sklearn import LungClassifier, LungRoiTransformer
from lungct.sources import SourceError

from ...conftest import SLICES

ABDOMEN = SLICES / "covid19-ny-sbu-A062055-abdomen.png"
PATHS = [str(path) for path in sorted(SLICES.glob("*.png")) if path != ABDOMEN][1:]
TRUTH = ["COVID", "COVID", "non-COVID", "non-COVID"]


@pytest.fixture(scope="module")
def predictions(pipe):
    return pipe.predict(PATHS)


def test_answers_are_the_pipelines(predictions):
    classifier = LungClassifier()
    check_is_fitted(classifier)
    assert list(classifier.classes_) == ["COVID", "non-COVID"]
    assert list(classifier.predict(PATHS)) == [prediction.label for prediction in predictions]
    probabilities = classifier.predict_proba(PATHS)
    assert (probabilities.shape, probabilities.dtype) == ((len(PATHS), 2), np.float64)
    np.testing.assert_array_equal(probabilities[:, 0], [prediction.probability for prediction in predictions])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_x_may_be_a_stack_of_slices_or_any_sequence(predictions):
    stack = np.asarray(Image.open(PATHS[0]).convert("L"))[None]
    for X in (stack, stack[..., None], np.repeat(stack[..., None], 3, axis=3), list(stack), np.array(PATHS[:1])):  # noqa: N806
        np.testing.assert_array_equal(LungClassifier().predict_proba(X)[:, 0], [predictions[0].probability])
    assert LungClassifier().predict([]).shape == (0,)
    assert LungClassifier().predict_proba([]).shape == (0, 2)
    assert LungRoiTransformer(size=4).transform([]).shape == (0, 16)


def test_a_volume_is_one_source(pipe, predictions):
    volume = np.concatenate([prediction.scan.pixels for prediction in predictions[2:]])
    assert LungClassifier().predict_proba([volume])[0, 0] == pipe.predict(volume).probability
    with pytest.raises(SourceError, match=r"holds 2 slices\. Give each slice as a separate source"):
        LungRoiTransformer().transform([volume])


def test_without_lung_there_is_no_answer():
    classifier = LungClassifier()
    assert classifier.predict([ABDOMEN])[0] == "indeterminate"
    assert np.isnan(classifier.predict_proba([ABDOMEN])).all()
    assert not LungRoiTransformer(size=8).transform([ABDOMEN]).any()


def test_what_cannot_be_read_raises():
    for use in (LungClassifier().predict, LungClassifier().predict_proba, LungRoiTransformer().transform):
        with pytest.raises(SourceError, match=r"no-such-file\.png: does not exist"):
            use(["no-such-file.png"])


@pytest.mark.parametrize(
    "one", [PATHS[0], ABDOMEN, np.zeros((64, 64)), Image.new("L", (64, 64))], ids=lambda one: type(one).__name__
)
def test_one_source_is_not_mistaken_for_many(one):
    for use in (LungClassifier().fit, LungClassifier().predict, LungRoiTransformer().transform):
        with pytest.raises(ValueError, match=r"must be a sequence of sources, not a single \w+: give \[source\]"):
            use(one)


@settings(max_examples=20)
@given(st.lists(st.sampled_from(["COVID", "non-COVID", 0, 1])))
def test_fit_learns_nothing(labels):
    classifier = LungClassifier(threads=1)
    assert classifier.fit(["a"] * len(labels), labels) is classifier
    assert vars(classifier) == vars(LungClassifier(threads=1))


def test_fit_refuses_unknown_labels():
    with pytest.raises(ValueError, match=r"y contains \['covid', 'healthy'\]; use the labels 'COVID' and 'non-COVID'"):
        LungClassifier().fit(PATHS[:3], ["covid", "healthy", "COVID"])


def test_cross_validation_scores_the_shipped_network(predictions):
    probabilities = cross_val_predict(LungClassifier(), PATHS, TRUTH, cv=2, method="predict_proba")
    np.testing.assert_array_equal(probabilities[:, 0], [prediction.probability for prediction in predictions])
    right = [prediction.label == truth for prediction, truth in zip(predictions, TRUTH, strict=True)]
    assert np.mean(cross_val_score(LungClassifier(), PATHS, TRUTH, cv=2)) == np.mean(right)


def test_regions_are_what_the_classifier_sees(pipe, predictions):
    rows = LungRoiTransformer(size=pipe.classifier.card.preprocessing["size"]).transform(PATHS[:2])
    preprocess = RoiPreprocessing.from_dict(pipe.classifier.card.preprocessing)
    for row, prediction in zip(rows, predictions, strict=False):
        roi, _ = preprocess(prediction.scan.pixels[0], prediction.scan.intensity, prediction.lung_mask)
        np.testing.assert_array_equal(row, roi.ravel())
    small = LungRoiTransformer(size=16).transform(PATHS[:2])
    assert (small.shape, small.dtype) == ((2, 256), np.float32)
    assert 0 <= small.min() < small.max() <= 1


def test_regions_in_a_pipeline():
    steps = make_pipeline(LungRoiTransformer(size=8), LogisticRegression(C=1e4))
    with pytest.raises(NotFittedError):
        steps[-1].predict(np.zeros((1, 64)))
    assert list(steps.fit(np.array(PATHS[1:3]), TRUTH[1:3]).predict(PATHS[1:3])) == TRUTH[1:3]
    assert set(cross_val_predict(steps, PATHS, TRUTH, cv=2)) <= set(TRUTH)
    assert steps.get_params()["lungroitransformer__size"] == 8
    again = pickle.loads(pickle.dumps(steps))  # noqa: S301 - packed by this test
    assert again.predict(PATHS[2:3]) == ["non-COVID"]


@pytest.mark.parametrize("estimator", [LungClassifier(intensity="display", threads=1), LungRoiTransformer(size=5)])
def test_cloned_and_pickled_by_settings(estimator):
    for other in (clone(estimator), pickle.loads(pickle.dumps(estimator))):  # noqa: S301 - packed by this test
        assert other.get_params() == estimator.get_params()
    assert clone(estimator).set_params(precision="int8").precision == "int8"
