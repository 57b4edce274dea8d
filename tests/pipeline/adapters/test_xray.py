"""Adapters for X-rays: every tool takes the modality and gives the same results as the X-ray pipeline."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.data import get_testdata_file

from lungct import Pipeline, SourceError, read_scan
from lungct.pipeline.adapters.mapping import lung_mask, predict_record
from lungct.pipeline.adapters.monai import LungMaskd
from lungct.pipeline.preprocess import PreprocessSettings, preprocess
from lungct.pipeline.settings import SegmenterSettings

from ...conftest import SLICES

XRAY = {"modality": "xray", "threads": 1}


@pytest.fixture(scope="module")
def picture():
    """A real chest X-ray, grey."""
    scan = read_scan(Path(get_testdata_file("RG1_UNCR.dcm")))
    whole = Image.fromarray(np.rint(255 * scan.pixels[0]).astype(np.uint8))
    return np.asarray(whole.resize((230, 244)))


@pytest.fixture(scope="module")
def expected(picture):
    return Pipeline.from_pretrained("xray", threads=1).predict(picture)


def test_functions_and_transforms_take_the_modality(picture, expected):
    assert 0.1 < expected.lung_fraction < 0.5
    np.testing.assert_array_equal(lung_mask(picture, **XRAY), expected.lung_mask)
    found = predict_record({"image": picture}, **XRAY)
    assert (found["label"], found["probability"]) == (expected.label, expected.probability)
    monai = LungMaskd("image", axcodes="PL", **XRAY)({"image": picture[None]})
    np.testing.assert_array_equal(monai["image_lungs"][0], expected.lung_mask)


def test_albumentations_and_scikit_learn_take_it(picture, expected):
    pytest.importorskip("albumentations")
    pytest.importorskip("sklearn")
    from lungct.pipeline.adapters.albumentations import LungMask
    from lungct.pipeline.adapters.sklearn import LungClassifier, LungRoiTransformer

    np.testing.assert_array_equal(LungMask(**XRAY)(image=picture)["mask"], expected.lung_mask)
    assert LungClassifier(**XRAY).predict([picture])[0] == expected.label
    assert LungRoiTransformer(size=16, **XRAY).transform([picture]).shape == (1, 256)


def test_slices_for_training_are_cut_out_of_xrays_when_asked(picture):
    (found,) = preprocess(picture, PreprocessSettings(size=64), lungs=SegmenterSettings(**XRAY))
    assert found.pixels.shape == (64, 64)
    assert found.pixels.max() > 0.5


def test_ct_is_refused_as_ct():
    hu = SLICES / "lctsc-S1-101-hu.tif"
    with pytest.raises(SourceError, match="is CT, not a chest X-ray"):
        lung_mask(hu, **XRAY)
    assert "is CT, not a chest X-ray" in predict_record({"source": hu}, **XRAY)["error"]
