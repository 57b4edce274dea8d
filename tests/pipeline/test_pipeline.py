"""`Pipeline`: from a source in any format to a prediction."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from lungct.lungseg.evaluation.scores import dice
from lungct.pipeline import Pipeline, Prediction
from lungct.sources import Scan, SourceError, read_scan

from ..conftest import SLICES


def test_same_picture_as_png_array_and_tiff_gives_the_same_prediction(pipe, covid_slice, tmp_path):
    grey = np.asarray(Image.open(covid_slice))
    tifffile.imwrite(tmp_path / "slice.tif", grey)
    np.save(tmp_path / "slice.npy", grey)
    Image.fromarray(grey).convert("RGBA").save(tmp_path / "rgba.png")
    forms = [covid_slice, str(covid_slice), grey, tmp_path / "slice.tif", tmp_path / "slice.npy", tmp_path / "rgba.png"]
    predictions = pipe.predict([*forms, Image.open(covid_slice), read_scan(covid_slice)])
    first = predictions[0]
    for other in predictions[1:]:
        assert other.probability == first.probability
        assert other.label == first.label
        np.testing.assert_array_equal(other.lung_mask, first.lung_mask)
        np.testing.assert_array_equal(other.heatmap, first.heatmap)


def test_prediction_is_as_designed(pipe, covid_slice):
    prediction = pipe.predict(covid_slice)
    assert isinstance(prediction, Prediction)
    assert prediction.label in ("COVID", "non-COVID")
    assert 0 <= prediction.probability <= 1
    np.testing.assert_allclose(prediction.slice_probabilities, [prediction.probability])
    assert prediction.lung_mask.shape == prediction.heatmap.shape == prediction.roi.shape == (512, 512)
    assert (prediction.lung_mask.dtype, prediction.heatmap.dtype) == (np.bool_, np.float32)
    assert 0 <= prediction.heatmap.min() <= prediction.heatmap.max() <= 1
    assert not prediction.heatmap[~prediction.lung_mask].any()
    assert not prediction.roi[~prediction.lung_mask].any()
    pixels = read_scan(covid_slice).pixels[0]
    np.testing.assert_array_equal(prediction.roi[prediction.lung_mask], pixels[prediction.lung_mask])
    assert prediction.warnings == ()
    assert prediction.source == str(covid_slice)
    assert set(prediction.provenance) == {"segmenter", "classifier", "recognizer"}
    assert len(prediction.provenance["classifier"]["sha256"]) == 64
    assert len(repr(prediction)) < 800  # people print it


def test_label_follows_the_cards_threshold(pipe):
    for prediction in pipe.stream(SLICES.glob("*")):
        if prediction.probability is not None:
            assert prediction.label == ("COVID" if prediction.probability >= pipe.classifier.threshold else "non-COVID")


def test_hu_picture_of_an_array_and_its_roi(pipe):
    hu = tifffile.imread(SLICES / "lctsc-S1-101-hu.tif")
    from_file, from_array = pipe.predict([SLICES / "lctsc-S1-101-hu.tif", hu])
    assert from_file.probability == from_array.probability
    assert (from_array.roi[~from_array.lung_mask] == -1024).all()
    shown = pipe.predict(hu.astype(np.float32), intensity="hu")
    assert shown.probability == from_file.probability


@pytest.mark.parametrize(
    "nothing",
    [
        np.zeros((64, 64), np.uint8),
        np.full((64, 64), 255, np.uint8),
        SLICES / "covid19-ny-sbu-A062055-abdomen.png",
    ],
    ids=["black", "white", "abdomen"],
)
def test_no_lung_is_never_a_confident_answer(pipe, nothing):
    prediction = pipe.predict(nothing)
    assert prediction.label == "indeterminate"
    assert prediction.probability is None
    assert "no-lung" in prediction.warnings
    assert not prediction.lung_mask.any()
    assert not prediction.heatmap.any()


def test_volume(pipe):
    paths = [SLICES / f"lung-pet-ct-dx-A0002-{number}.png" for number in (11, 17)]
    singles = pipe.predict(paths)
    black = np.zeros((1, 512, 512), np.float32)
    volume = Scan(np.concatenate([*(read_scan(path).pixels for path in paths), black]), "display")
    prediction = pipe.predict(volume)
    assert prediction.lung_mask.shape == prediction.heatmap.shape == (3, 512, 512)
    # Neighbours tell each other where the lungs are, so the masks, and the answers, may differ a little.
    np.testing.assert_allclose(prediction.slice_probabilities[:2], [one.probability for one in singles], atol=0.1)
    assert np.isnan(prediction.slice_probabilities[2])
    areas = prediction.lung_mask[:2].sum(axis=(1, 2))
    assert prediction.probability == pytest.approx(np.average(prediction.slice_probabilities[:2], weights=areas))
    assert prediction.overlay(2).height > 512
    assert prediction.to_dict()["slice_probabilities"][2] is None


def test_occlusion_explains_without_changing_the_answer(pipe, covid_slice):
    plain = pipe.predict(covid_slice, explain="cam")
    (hidden,) = pipe.stream([covid_slice], explain="occlusion")
    assert (hidden.label, hidden.probability) == (plain.label, plain.probability)
    assert plain.to_dict()["explain"] == "cam"
    assert pipe.predict(covid_slice).to_dict()["explain"] == "lesions"
    assert hidden.to_dict()["explain"] == "occlusion"
    assert 0 < hidden.heatmap[hidden.lung_mask].min() < 0.5 < hidden.heatmap.max() < 1
    assert not hidden.heatmap[~hidden.lung_mask].any()
    assert not np.allclose(hidden.heatmap, plain.heatmap, atol=0.05)
    with pytest.raises(ValueError, match="explain must be one of lesions, cam, occlusion"):
        pipe.predict(covid_slice, explain="gradient")


def test_guessed_intensity_is_reported(pipe, covid_slice):
    grey = np.asarray(Image.open(covid_slice)).astype(np.float32)
    assert pipe.predict(grey).warnings == ("unknown-intensity",)
    assert pipe.predict(grey, intensity="display").warnings == ()


def test_stream_continues_past_errors_in_order_and_one_at_a_time(pipe, covid_slice, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"nothing like a picture")
    taken = []

    def sources():
        for item in (covid_slice, tmp_path / "broken.png", np.zeros((1, 1)), covid_slice):
            taken.append(item)
            yield item

    stream = pipe.stream(sources())
    first = next(stream)
    assert len(taken) == 1
    assert first.error is None
    broken, tiny, last = stream
    assert str(tmp_path / "broken.png") in broken.error
    assert broken.label is None
    assert broken.lung_fraction is None
    assert "only 1 x 1" in tiny.error
    assert last.probability == first.probability
    with pytest.raises(ValueError, match="could not be read"):
        broken.overlay()
    with pytest.raises(SourceError, match="broken"):
        pipe.predict([covid_slice, tmp_path / "broken.png"])


@pytest.mark.parametrize("name", ["covid19-ny-sbu-A002304.png", "lung-pet-ct-dx-A0002-11.png"])
def test_inverted_pictures_are_noticed_and_restored(pipe, name):
    grey = np.asarray(Image.open(SLICES / name))
    upright, inverted = pipe.predict([grey, 255 - grey])
    assert upright.warnings == ()
    assert inverted.warnings == ("inverted",)
    np.testing.assert_array_equal(inverted.lung_mask, upright.lung_mask)
    assert inverted.probability == pytest.approx(upright.probability, abs=0.01)


def test_coloured_marks_are_noticed(pipe, covid_slice):
    marked = np.asarray(Image.open(covid_slice).convert("RGB")).copy()
    assert pipe.predict(marked).warnings == ()
    marked[100:110, 100:160] = (255, 30, 30)
    assert pipe.predict(marked).warnings == ("coloured-marks",)


def test_engines_agree_on_the_answer(covid_slice):
    ours, other = (
        Pipeline.from_pretrained(engine=engine, threads=threads).predict(covid_slice)
        for engine, threads in (("openvino", 2), ("onnxruntime", 1))
    )
    assert other.probability == pytest.approx(ours.probability, abs=1e-3)
    assert (other.lung_mask != ours.lung_mask).mean() < 1e-4


def test_int8_is_stated_and_gives_similar_answers(pipe, covid_slice):
    quantised = Pipeline.from_pretrained(precision="int8").predict(covid_slice)
    ours = pipe.predict(covid_slice)
    for stage in ("segmenter", "classifier"):
        assert quantised.provenance[stage]["precision"] == "int8"
        assert quantised.provenance[stage]["sha256"] != ours.provenance[stage]["sha256"]
    assert dice(quantised.lung_mask, ours.lung_mask) > 0.98
    assert quantised.probability == pytest.approx(ours.probability, abs=0.2)


def test_the_next_item_of_a_list_is_read_in_the_background(pipe, covid_slice, monkeypatch):
    read = []

    def note(source, **options):
        read.append(source)
        return read_scan(source, **options)

    monkeypatch.setattr("lungct.pipeline.pipeline.read_scan", note)
    stream = pipe.stream([covid_slice] * 4)
    next(stream)
    assert 1 <= len(read) <= 2
    assert len(list(stream)) == 3
    assert len(read) == 4


def test_an_unknown_intensity_is_refused_at_once(pipe, covid_slice):
    for call in (pipe.predict, pipe.stream):
        for given in (covid_slice, [covid_slice], []):
            with pytest.raises(ValueError, match="intensity must be one of"):
                call(given, intensity="HU")


def test_declared_hu_that_cannot_be_true_is_a_warning(pipe, covid_slice):
    assert "implausible-values" in pipe.predict(covid_slice, intensity="hu").warnings
    assert "implausible-values" not in pipe.predict(covid_slice).warnings
