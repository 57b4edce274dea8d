"""Overlays and saved results."""

import json
from dataclasses import replace

import nibabel
import numpy as np
import pytest
from PIL import Image

from lungct.classify import Classification, Evidence
from lungct.pipeline import Prediction
from lungct.pipeline.results import overlay
from lungct.pipeline.results.overlay import BORDER, OUTLINE, draw_evidence, draw_layers, draw_plain
from lungct.sources import Scan, SourceError

PROVENANCE = {"segmenter": {"name": "net", "version": "1"}, "classifier": {"name": "other", "version": "2"}}


def made(heat, probability=0.8, slices=1, spacing=None, lesions=()):
    mask = np.zeros((slices, 400, 500), bool)
    mask[:, 100:300, 100:200] = mask[:, 100:300, 300:400] = True
    evidence = Evidence(np.full((4, 5), np.log(heat / (1 - heat)), np.float32), (slice(0, 400), slice(0, 500)))
    probabilities = np.full(slices, probability, np.float32)
    return Prediction(
        "a/b c.png",
        "COVID",
        probability,
        probabilities,
        mask[0] if slices == 1 else mask,
        provenance=PROVENANCE,
        scan=Scan(np.full((slices, 400, 500), 0.3, np.float32), "display", spacing=spacing),
        classification=Classification(
            probability,
            probabilities,
            lesions or (evidence,) * slices,
            explain="lesions" if lesions else "cam",
            lesions=lesions,
            lung=mask.sum(axis=(1, 2)).astype(float),
        ),
    )


def infected(slices=1, spacing=None, probability=0.9):
    """Return a prediction whose map has infection in the lower half of the right lung of every slice."""
    grid = np.full((400, 500), -6, np.float32)
    grid[200:300, 100:200] = np.log(probability / (1 - probability))
    lesions = (Evidence(grid, (slice(0, 400), slice(0, 500))),) * slices
    return made(0.5, slices=slices, spacing=spacing, lesions=lesions)


def test_overlay_outlines_the_lungs_and_colours_evidence_for_covid():
    hot, cold = (np.asarray(made(heat).overlay()).astype(int) for heat in (0.95, 0.2))
    assert hot.shape[0] > 400
    assert hot.shape[1] == 500
    outline = (hot[:400] == OUTLINE).all(axis=-1)
    assert outline[100, 150]
    assert not outline[200, 150]
    assert outline.sum() == 2 * (200 * 100 - 196 * 96)
    assert hot[200, 150, 0] - hot[200, 150, 2] > 60
    np.testing.assert_array_equal(cold[200, 150], [76, 76, 76])
    np.testing.assert_array_equal(hot[50, 50], cold[50, 50])
    assert (hot[400:] == 255).any()


def test_small_slices_are_enlarged():
    scan = Scan(np.zeros((1, 40, 60), np.float32), "display")
    nothing = np.array([np.nan], np.float32)
    small = Prediction(
        "x", "indeterminate", None, nothing, np.zeros((40, 60), bool), ("no-lung",), PROVENANCE,
        scan=scan, classification=Classification(None, nothing, (None,)),
    )  # fmt: skip
    assert min(small.overlay().size) >= 384
    assert not small.heatmap.any()


def test_pictures_are_computed_from_scan_and_evidence():
    prediction = made(0.9, slices=3, spacing=(2.0, 0.5, 0.5))
    assert prediction.heatmap.shape == prediction.roi.shape == prediction.display.shape == (3, 400, 500)
    np.testing.assert_allclose(prediction.heatmap[prediction.lung_mask], 0.9, rtol=1e-4)
    assert not prediction.heatmap[~prediction.lung_mask].any()
    np.testing.assert_array_equal(prediction.roi, np.where(prediction.lung_mask, np.float32(0.3), 0))
    assert prediction.lung_volume_ml == pytest.approx(3 * 2 * 200 * 100 * 2.0 * 0.25 / 1000)
    assert made(0.9).lung_volume_ml is None


@pytest.mark.parametrize(("probability", "tinted"), [(0.9, True), (0.3, True), (0.19, False)])
def test_overlay_tints_infection_by_its_probability_and_draws_its_border(probability, tinted):
    prediction = infected(probability=probability)
    drawn = np.asarray(prediction.overlay()).astype(int)[:400]
    np.testing.assert_array_equal(drawn[150, 150], [76, 76, 76])  # healthy lung stays grey
    np.testing.assert_array_equal(drawn[250, 350], [76, 76, 76])
    red = drawn[250, 150, 0] - 76
    assert red == (pytest.approx((255 - 76) * 0.55 * (probability - 0.2) / 0.8, abs=1) if tinted else 0)
    border = (drawn == BORDER).all(axis=-1)
    assert border.any() == (probability >= 0.5)  # the threshold of the mask
    if border.any():
        assert border.sum() == 96  # one pixel wide, and under the outline at the edge of the lung
        assert border[200, 102:198].all()


def test_layers_add_up_to_the_overlay_of_infection():
    view = infected().slice_view(0)
    whole = draw_plain(view, 1.0).convert("RGBA")
    for layer in draw_layers(view, 1.0):
        whole.alpha_composite(layer.convert("RGBA"))
    drawn = np.asarray(draw_evidence(view, 1.0), int)
    assert np.abs(np.asarray(whole.convert("RGB"), int) - drawn).max() <= 1


def test_captions_say_how_much_is_infected_and_when_the_answer_is_uncertain(monkeypatch):
    captions = []
    monkeypatch.setattr(overlay, "_with_caption", lambda picture, lines: captions.append(lines[:-1]) or picture)
    infected().overlay()
    replace(infected(), prediction_set=("COVID", "non-COVID")).overlay()
    made(0.9).overlay()
    assert captions == [
        ["COVID, probability of COVID 0.80", "infected 25 % of the lungs"],
        ["uncertain, leaning to COVID, probability of COVID 0.80", "infected 25 % of the lungs"],
        ["COVID, probability of COVID 0.80"],
    ]


def test_a_volume_is_shown_as_a_sheet_and_saved_on_its_grid(tmp_path):
    prediction = made(0.9, slices=30, spacing=(2.0, 0.5, 0.5))
    sheet = np.asarray(prediction.overlay()).astype(int)
    assert sheet.shape[1] == 4 * 320
    assert (sheet == OUTLINE).all(axis=-1).sum() > 12 * 500
    record, picture, mask = prediction.save(tmp_path)
    assert (record.name, picture.name, mask.name) == ("b_c.json", "b_c_overlay.png", "b_c_mask.nii.gz")
    image = nibabel.load(mask)
    np.testing.assert_array_equal(np.asarray(image.dataobj).T > 0, prediction.lung_mask)
    np.testing.assert_allclose(image.header.get_zooms(), (0.5, 0.5, 2.0))
    assert len(prediction.save(tmp_path / "png", masks="png")) == 2 + 30
    with pytest.raises(SourceError, match="not read from DICOM"):
        prediction.save(tmp_path, masks="seg")


def test_infection_masks_are_written_beside_those_of_the_lungs(tmp_path):
    one, volume = infected(), infected(slices=3, spacing=(2.0, 0.5, 0.5))
    *_, mask = one.save(tmp_path)
    assert mask.name == "b_c-infection.png"
    expected = np.zeros((400, 500), np.uint8)
    expected[200:300, 100:200] = 255
    np.testing.assert_array_equal(np.asarray(Image.open(mask)), expected)
    written = volume.save(tmp_path / "volume", labels=True)
    assert [path.name for path in written[2:]] == ["b_c_labels.nii.gz", "b_c-infection.nii.gz"]
    image = nibabel.load(written[-1])
    assert image.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(np.asarray(image.dataobj).T > 0, volume.infection_mask)
    np.testing.assert_allclose(image.header.get_zooms(), (0.5, 0.5, 2.0))
    names = [path.name for path in volume.save(tmp_path / "png", masks="png")]
    assert names[-3:] == [f"b_c_slice00{number}-infection.png" for number in (1, 2, 3)]


def test_save_returns_what_it_writes(tmp_path):
    written = made(0.9).save(tmp_path / "new" / "folder")
    assert [path.name for path in written] == ["b_c.json", "b_c_overlay.png", "b_c_mask.png"]
    record = json.loads(written[0].read_text())
    assert record["label"] == "COVID"
    assert record["lung_fraction"] == 0.2
    assert "not a medical device" in record["disclaimer"]
    mask = np.asarray(Image.open(written[2]))
    assert set(np.unique(mask)) == {0, 255}
    np.testing.assert_array_equal(mask > 0, made(0.9).lung_mask)
