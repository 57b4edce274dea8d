"""Teachers combine the answers of their networks, and only for regions they were trained on."""

from dataclasses import replace

import numpy as np
import pytest

from lungct.classify import Classifier, RoiPreprocessing
from lungct.classify.training.teachers import Teachers
from lungct.weights import CLASSIFIER, load_card

pytest.importorskip("onnxruntime", reason="needs the extra [train]")


def test_the_answer_is_that_of_the_mean_calibrated_logit():
    card = load_card(CLASSIFIER)
    bolder = replace(card, decision={**card.decision, "temperature": card.decision["temperature"] / 3})
    side = card.preprocessing["size"]
    roi = np.random.default_rng(0).random((side, side), dtype=np.float32)
    logit = Classifier(card).logits(roi[None, ..., None])[0] / card.decision["temperature"]
    together = Teachers([card, bolder], RoiPreprocessing.from_dict(card.preprocessing))
    assert together(roi) == pytest.approx(1 / (1 + np.exp(-2 * logit)), abs=1e-3)


def test_other_regions_are_refused():
    card = load_card(CLASSIFIER)
    with pytest.raises(ValueError, match="was trained on regions"):
        Teachers([card], RoiPreprocessing(224, region="crop"))
