"""Overlays and saved results."""

import json

import numpy as np
from PIL import Image

from lungct.pipeline import Prediction
from lungct.pipeline.overlay import OUTLINE


def made(heat, probability=0.8):
    mask = np.zeros((400, 500), bool)
    mask[100:300, 100:200] = mask[100:300, 300:400] = True
    display = np.full((400, 500), 0.3, np.float32)
    heatmap = np.where(mask, np.float32(heat), np.float32(0))
    probabilities = np.array([probability], np.float32)
    return Prediction("a/b c.png", "COVID", probability, probabilities, mask, heatmap, display * mask, display=display)


def test_overlay_outlines_the_lungs_and_colours_what_speaks_for_covid():
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
    small = Prediction(
        "x", "indeterminate", None, np.array([np.nan], np.float32), np.zeros((40, 60), bool),
        np.zeros((40, 60), np.float32), np.zeros((40, 60), np.float32), ("no-lung",),
        display=np.zeros((40, 60), np.float32),
    )  # fmt: skip
    assert min(small.overlay().size) >= 384


def test_save_writes_what_it_says(tmp_path):
    written = made(0.9).save(tmp_path / "new" / "folder")
    assert [path.name for path in written] == ["b_c.json", "b_c_mask.png", "b_c_overlay.png"]
    record = json.loads(written[0].read_text())
    assert record["label"] == "COVID"
    assert record["lung_fraction"] == 0.2
    assert "not a medical device" in record["disclaimer"]
    mask = np.asarray(Image.open(written[1]))
    assert set(np.unique(mask)) == {0, 255}
    np.testing.assert_array_equal(mask > 0, made(0.9).lung_mask)
