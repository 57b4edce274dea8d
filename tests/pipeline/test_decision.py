"""When the pipeline refuses."""

import numpy as np
import pytest
from PIL import Image

from lungct.classify import Classification
from lungct.pipeline import Pipeline
from lungct.pipeline.decision import UNLIKE, ood_score
from tests.conftest import SLICES


def found(lung, distances):
    slices = len(lung)
    return Classification(
        0.5, np.full(slices, 0.5, np.float32), (None,) * slices, "cam",
        lung=np.array(lung, float), distances=np.array(distances, np.float32),
    )  # fmt: skip


def test_score_is_the_worse_of_distance_and_doubt_weighted_by_lung():
    result = found([0, 1, 3], [np.nan, 0.4, 1.2])
    sure = np.array([0, 0.92, 1], np.float32)
    assert ood_score(result, sure, 0.9) == pytest.approx((0.8 + 3 * 1.2) / 4, rel=1e-3)
    assert ood_score(found([0, 0], [np.nan, np.nan]), sure[:2], 0.9) is None
    assert ood_score(found([1], [np.nan]), sure[1:2], 0.9) is None


@pytest.mark.parametrize("name", sorted(path.name for path in SLICES.iterdir() if "sbu" in path.name))
def test_real_slices_get_an_answer(pipe, name):
    prediction = pipe.predict(SLICES / name)
    if "abdomen" in name:
        assert (prediction.probability, prediction.interval, prediction.prediction_set) == (None, None, ())
        return
    assert 0 < prediction.ood_score < 1
    low, high = prediction.interval
    assert 0 <= low <= prediction.probability <= high <= 1
    assert high - low > 0.01
    assert prediction.prediction_set


def texture(kind):
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:256, :256] / 256
    return {
        "noise": rng.random((256, 256)),
        "blank": np.full((256, 256), 0.5),
        "stripes": 0.5 + 0.5 * np.sin(60 * x + 20 * y),
        "spots": (np.hypot((x * 6) % 1 - 0.5, (y * 6) % 1 - 0.5) < 0.3).astype(float),
    }[kind]


@pytest.mark.parametrize("kind", ["noise", "blank", "stripes", "spots"])
def test_images_of_anything_but_a_chest_get_no_answer(pipe, tmp_path, kind):
    path = tmp_path / f"{kind}.png"
    Image.fromarray((texture(kind) * 255).astype(np.uint8)).save(path)
    prediction = pipe.predict(path)
    assert prediction.label == "indeterminate"
    if "no-lung" not in prediction.warnings:
        assert UNLIKE in prediction.warnings
        assert prediction.ood_score > 1
        assert prediction.prediction_set == ("COVID", "non-COVID")


def test_error_level_determines_the_prediction_set(pipe):
    one = SLICES / "covid19-ny-sbu-A002304.png"
    sets = {}
    for level in (0.5, 0.1, 0.001):
        strict = Pipeline(pipe.segmenter, pipe.classifier, error_level=level)
        prediction = strict.predict(one)
        assert prediction.error_level == level
        sets[level] = set(prediction.prediction_set)
    assert sets[0.5] <= sets[0.1] <= sets[0.001] == {"COVID", "non-COVID"}
    with pytest.raises(ValueError, match="error_level"):
        Pipeline.from_pretrained(error_level=1.5)


def test_quantised_network_has_its_own_limits():
    """Its features differ: with the limits of the unquantised network, every scan would be refused."""
    prediction = Pipeline.from_pretrained(precision="int8").predict(SLICES / "covid19-ny-sbu-A056642.png")
    assert prediction.label != "indeterminate"
    assert prediction.ood_score < 1
