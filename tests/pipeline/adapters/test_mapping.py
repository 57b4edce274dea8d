"""Functions for `map`: the pipeline's own masks and answers, in any process, without TensorFlow."""

import importlib
import json
import pickle
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from lungct.common.optional import MissingPackageError
from lungct.pipeline.adapters.mapping import keep_lungs, lung_mask, lung_roi, predict_record
from lungct.pipeline.settings import PipelineSettings, open_pipeline
from lungct.sources import SourceError, read_scan

from ...conftest import ROOT, SLICES

ABDOMEN = SLICES / "covid19-ny-sbu-A062055-abdomen.png"
HU = SLICES / "lctsc-S1-101-hu.tif"


@pytest.fixture(scope="module")
def grey(covid_slice):
    return np.asarray(Image.open(covid_slice))


def test_record_gets_the_answer_and_keeps_its_own_entries(pipe, covid_slice):
    prediction = pipe.predict(covid_slice)
    assert predict_record({"source": str(covid_slice), "patient": 7}) == {
        "source": str(covid_slice),
        "patient": 7,
        "label": prediction.label,
        "probability": prediction.probability,
        "lung_fraction": prediction.lung_fraction,
        "warnings": [],
        "error": None,
    }


def test_record_may_hold_the_picture_itself(covid_slice, grey):
    expected = predict_record({"source": covid_slice})["probability"]
    for image in (grey, grey[..., None], Image.open(covid_slice)):
        assert predict_record({"source": None, "image": image})["probability"] == expected


def test_records_without_lung_or_that_cannot_be_read_have_the_same_fields(tmp_path):
    empty, missing = (predict_record({"source": path}) for path in (ABDOMEN, tmp_path / "no.png"))
    assert (empty["label"], empty["probability"], empty["error"]) == ("indeterminate", None, None)
    assert "no-lung" in empty["warnings"]
    assert (missing["label"], missing["probability"], missing["warnings"]) == (None, None, [])
    assert "does not exist" in missing["error"]
    assert empty.keys() == missing.keys()
    json.dumps({**empty, **missing, "source": ""})


def test_nothing_of_the_record_is_overwritten(covid_slice):
    truth = {"source": covid_slice, "label": "COVID"}
    with pytest.raises(ValueError, match=r"already has 'label'; give another prefix"):
        predict_record(truth)
    found = predict_record(truth, prefix="lungct_")
    assert found["label"] == "COVID"
    assert found["lungct_label"] in ("COVID", "non-COVID")


def test_a_record_without_a_source_says_what_it_wants():
    with pytest.raises(ValueError, match=r"neither 'source' .* nor 'image' .*, only \['path'\]"):
        predict_record({"path": "a.png"})


def test_mask_is_the_pipelines(pipe, covid_slice, grey):
    expected = pipe.predict(covid_slice).lung_mask
    assert expected.sum() > 30_000
    rgb = np.repeat(grey[..., None], 3, axis=2)
    for image in (covid_slice, str(covid_slice), grey, grey[..., None], grey[None], rgb, read_scan(covid_slice)):
        np.testing.assert_array_equal(lung_mask(image), expected)


def test_mask_of_a_volume_is_the_pipelines(pipe):
    series = ROOT / "examples" / "series"
    expected = pipe.predict(series)
    np.testing.assert_array_equal(lung_mask(series), expected.lung_mask)
    pixels = expected.scan.pixels.astype(np.int16)
    np.testing.assert_array_equal(lung_mask(pixels[..., None], intensity="hu"), expected.lung_mask)
    np.testing.assert_array_equal(lung_roi(series), expected.roi)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.uint16, np.float64])
@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_roi_is_image_times_mask_in_its_own_shape_and_dtype(grey, dtype, channels):
    image = np.broadcast_to(grey.reshape(*grey.shape, *(1 for _ in channels)), (*grey.shape, *channels)).astype(dtype)
    roi = lung_roi(image, intensity="display")
    mask = lung_mask(image, intensity="display")
    assert roi.dtype == dtype
    np.testing.assert_array_equal(roi, image * mask.reshape(*mask.shape, *(1 for _ in channels)).astype(dtype))


def test_roi_of_hounsfield_units_is_surrounded_by_air_or_a_given_value(pipe):
    prediction = pipe.predict(HU)
    hu = prediction.scan.pixels[0].astype(np.int16)
    np.testing.assert_array_equal(lung_roi(hu), prediction.roi)
    assert (lung_roi(hu, outside=0)[~prediction.lung_mask] == 0).all()
    np.testing.assert_array_equal(lung_roi(HU), prediction.roi)


def test_a_palette_is_read_as_grey(covid_slice, grey):
    picture = Image.open(covid_slice).convert("P")
    np.testing.assert_allclose(lung_roi(picture), lung_roi(grey) / 255, atol=1 / 255)


def test_bad_images_say_what_to_do():
    with pytest.raises(SourceError, match=r"neither a path nor an array nor a known image\. Give a file path, an open"):
        lung_mask([[1, 2], [3, 4]])
    with pytest.raises(SourceError, match="Give slices of at least 32 x 32 pixels"):
        lung_roi(np.zeros((512, 8, 1), np.uint8))


dtypes = st.sampled_from([np.uint8, np.int16, np.uint16, np.float32])


@given(st.data(), dtypes, st.sampled_from(["hu", "display"]), st.sampled_from([(), (1,), (3,)]))
def test_only_lungs_are_kept(data, dtype, intensity, channels):
    mask = data.draw(arrays.arrays(np.bool_, (4, 5)))
    pixels = data.draw(
        arrays.arrays(dtype, (4, 5, *channels), elements={"allow_nan": False} if dtype == np.float32 else {})
    )
    before = pixels.copy()
    kept = keep_lungs(pixels, mask, intensity)
    np.testing.assert_array_equal(pixels, before)
    np.testing.assert_array_equal(kept[mask], pixels[mask])
    assert (kept.shape, kept.dtype) == (pixels.shape, pixels.dtype)
    air = -1024 if np.dtype(dtype).kind in "if" else 0
    assert (kept[~mask] == (air if intensity == "hu" else 0)).all()


@given(st.floats(width=32) | st.integers(-2000, 2000), dtypes)
def test_a_value_outside_is_kept_exactly_or_refused(outside, dtype):
    def put():
        return keep_lungs(np.ones((3, 3), dtype), np.zeros((3, 3), bool), "display", outside)

    if np.dtype(dtype).kind == "f" or outside in range(np.iinfo(dtype).min, np.iinfo(dtype).max + 1):
        np.testing.assert_array_equal(put(), np.full((3, 3), outside))
    else:
        with pytest.raises(ValueError, match="give a value that can"):
            put()


@pytest.mark.parametrize(
    ("outside", "held"), [(0, True), (255, True), (255.0, True), (256, False), (-1, False), (0.5, False)]
)
def test_eight_bit_values(outside, held):
    pixels, nowhere = np.ones((3, 3), np.uint8), np.zeros((3, 3), bool)
    if held:
        assert (keep_lungs(pixels, nowhere, "display", outside) == outside).all()
    else:
        with pytest.raises(ValueError, match=f"outside={outside} can't be stored in uint8 pixels"):
            keep_lungs(pixels, nowhere, "display", outside)


def test_networks_open_once_for_each_setting():
    assert open_pipeline() is open_pipeline(PipelineSettings(engine="auto", threads=None))
    assert open_pipeline(PipelineSettings(threads=1)) is not open_pipeline()
    assert open_pipeline(PipelineSettings(threads=1)).segmenter is open_pipeline(PipelineSettings(threads=1)).segmenter
    with pytest.raises(ValueError, match="engine must be one of"):
        predict_record({"source": "x.png"}, engine="tensorflow")


def test_open_networks_are_not_pickled():
    task = partial(predict_record, threads=1)
    open_pipeline(PipelineSettings(threads=1))
    assert len(pickle.dumps(task)) < 200


def test_other_processes_open_their_own_networks():
    """Both spawned, and forked after the parent has used its networks, as data loaders do."""
    code = f"""
import multiprocessing, sys
from functools import partial
from lungct.pipeline.adapters.mapping import predict_record
record = {{"source": {str(SLICES / "covid19-ny-sbu-A002304.png")!r}}}
found = [predict_record(record, threads=1)]
for start in {{"fork", "spawn"}} & set(multiprocessing.get_all_start_methods()):
    with multiprocessing.get_context(start).Pool(1) as pool:
        found += pool.map_async(partial(predict_record, threads=1), [record]).get(60)
assert len(found) > 1 and all(other == found[0] for other in found), found
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=180)


def test_no_adapter_loads_tensorflow_or_monai():
    code = f"""
import sys
import numpy as np
from PIL import Image
from lungct.pipeline import albumentations, mapping, monai, sklearn
path = {str(SLICES / "covid19-ny-sbu-A002304.png")!r}
image = np.asarray(Image.open(path))
masks = [
    mapping.lung_mask(path),
    albumentations.LungMask()(image=image)["mask"],
    monai.LungMaskd("image", axcodes="PL")({{"image": image[None]}})["image_lungs"][0],
]
assert all((mask == masks[0]).all() for mask in masks)
sklearn.LungClassifier().predict([path]), sklearn.LungRoiTransformer().transform([path])
loaded = {{"tensorflow", "keras", "monai"}} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=180)


@pytest.mark.parametrize(("adapter", "package"), [("albumentations", "albumentations"), ("sklearn", "scikit-learn")])
def test_a_missing_package_is_named(monkeypatch, adapter, package):
    for name in (adapter, f"{adapter}.base"):
        monkeypatch.setitem(sys.modules, name, None)
    for door in ("lungct.pipeline", "lungct.pipeline.adapters"):
        monkeypatch.delitem(sys.modules, f"{door}.{adapter}", raising=False)
    with pytest.raises(MissingPackageError, match=f"{adapter} needs .*Run: pip install {package}"):
        importlib.import_module(f"lungct.pipeline.{adapter}")
