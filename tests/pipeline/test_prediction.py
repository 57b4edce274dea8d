"""Overlays and saved results."""

import json
from dataclasses import replace

import nibabel
import numpy as np
import pytest
from PIL import Image

from lungct.classify import Classification, Evidence
from lungct.pipeline import Prediction
from lungct.pipeline.results.overlay import OUTLINE
from lungct.sources import Scan, SourceError

PROVENANCE = {"segmenter": {"name": "net", "version": "1"}}


def made(heat, probability=0.8, slices=1, spacing=None):
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
        classification=Classification(probability, probabilities, (evidence,) * slices),
    )


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


def test_share_of_the_heatmap_inside_the_lungs_counts_slices_by_their_lung():
    one = made(0.9)
    assert one.heatmap_in_lungs == pytest.approx(0.2)  # the map is uniform, and the lungs are a fifth of its box
    assert replace(one, label="non-COVID").heatmap_in_lungs is None  # no evidence for it
    assert replace(one, label="indeterminate").heatmap_in_lungs is None
    volume = made(0.9, slices=2)
    volume.lung_mask[1, :, 300:] = False
    np.testing.assert_allclose(volume.slice_heatmap_in_lungs, [0.2, 0.1])
    assert volume.heatmap_in_lungs == pytest.approx((0.2 * 2 + 0.1) / 3)
    record = volume.to_dict()
    assert record["slice_heatmap_in_lungs"] == pytest.approx([0.2, 0.1])
    assert (record["heatmap_in_lungs"], record["explain"]) == (volume.heatmap_in_lungs, "cam")


def test_a_volume_is_shown_as_a_sheet_and_saved_on_its_grid(tmp_path):
    prediction = made(0.9, slices=30, spacing=(2.0, 0.5, 0.5))
    sheet = np.asarray(prediction.overlay()).astype(int)
    assert sheet.shape[1] == 4 * 320
    assert (sheet == OUTLINE).all(axis=-1).sum() > 12 * 500
    record, overlay, mask = prediction.save(tmp_path)
    assert (record.name, overlay.name, mask.name) == ("b_c.json", "b_c_overlay.png", "b_c_mask.nii.gz")
    image = nibabel.load(mask)
    np.testing.assert_array_equal(np.asarray(image.dataobj).T > 0, prediction.lung_mask)
    np.testing.assert_allclose(image.header.get_zooms(), (0.5, 0.5, 2.0))
    assert len(prediction.save(tmp_path / "png", masks="png")) == 2 + 30
    with pytest.raises(SourceError, match="not read from DICOM"):
        prediction.save(tmp_path, masks="seg")


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
