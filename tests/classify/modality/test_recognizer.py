"""X-rays are distinguished from CT slices by a thumbnail if nothing else does so; and how that is trained."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from typer.testing import CliRunner

from lungct.classify import Recognizer
from lungct.classify.modality.recognizer import ThumbnailPreprocessing
from lungct.pipeline.commands.cli import app
from lungct.sources import Scan, read_scan
from lungct.weights import RECOGNIZER, load_card

from ...conftest import ROOT, SHARED, SLICES, make_chest


@pytest.fixture(scope="module")
def recognizer():
    return Recognizer()


def test_ct_slices_are_recognized(recognizer):
    for path in sorted(SLICES.glob("*.png")):
        scan = read_scan(path)
        assert scan.modality is None
        assert recognizer.recognize(scan) == "ct", path


@pytest.mark.shared
def test_xrays_not_used_for_training_are_recognized(recognizer):
    """The outlined pictures are in the validation part; a doubtful one is not taken for CT."""
    import json

    names = json.loads((ROOT / "benchmarks" / "xray" / "outlines.json").read_text())
    scans = [read_scan(next((SHARED / "covid-xray").glob(f"*/{name}"))) for name in names]
    found = [recognizer.recognize(scan) for scan in scans]
    assert len(found) == 23
    assert found.count("xray") >= 22
    assert "ct" not in found


def test_a_real_xray_of_another_hospital_is_recognized(recognizer):
    from pydicom.data import get_testdata_file

    scan = read_scan(get_testdata_file("RG1_UNCR.dcm"))
    assert scan.modality == "xray"
    assert recognizer.xray_probability(scan.pixels[0]) > 0.9


def test_scans_with_a_known_modality_skip_the_recognizer(recognizer):
    grey = np.random.default_rng(0).random((1, 64, 64), dtype=np.float32)
    assert recognizer.recognize(Scan(grey, "display", metadata={"modality": "DX"})) == "xray"
    assert recognizer.recognize(Scan(grey, "display", metadata={"modality": "CT"})) == "ct"
    assert recognizer.recognize(Scan(np.repeat(grey, 2, axis=0), "display")) == "ct"
    assert recognizer.recognize(Scan(1000 * grey - 1000, "hu")) == "ct"


@given(arrays(np.float32, (33, 41), elements=st.floats(0, 1, width=32)))
@settings(max_examples=20, deadline=None)
def test_any_picture_has_a_probability(recognizer, grey):
    assert 0 <= recognizer.xray_probability(grey) <= 1
    thumbnail = ThumbnailPreprocessing()(grey)
    assert (thumbnail.shape, thumbnail.dtype) == ((64, 64), np.float32)
    assert 0 <= thumbnail.min() <= thumbnail.max() <= 1


def test_brightness_and_contrast_change_nothing():
    grey = np.random.default_rng(1).random((70, 90), dtype=np.float32)
    preprocess = ThumbnailPreprocessing()
    np.testing.assert_allclose(preprocess(0.3 + 0.4 * grey), preprocess(grey), atol=1e-5)


def test_the_card_has_its_figures():
    card = load_card(RECOGNIZER)
    figures = card.metrics["validation"]
    assert figures["ct"]["mistaken"] == figures["xray"]["mistaken"] == 0
    assert figures["ct"]["n"] > 800
    assert 0.5 < card.decision["sure"] < 1


@pytest.mark.train
def test_training_learns_and_keeps_the_split(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "ct").mkdir()
    rows = ["path,label,patient"]
    for number in range(60):
        hu, _ = make_chest(64, 64, number)
        Image.fromarray(np.rint(np.clip((hu + 1000) / 1400, 0, 1) * 255).astype(np.uint8)).save(
            tmp_path / "ct" / f"{number}.png"
        )
        stripes = 128 + 90 * np.sin(np.arange(64)[:, None] / 2 + rng.uniform(0, 6)) + rng.normal(0, 9, (64, 64))
        Image.fromarray(np.clip(stripes, 0, 255).astype(np.uint8)).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,{number % 2},{number // 2}")
    (tmp_path / "xrays.csv").write_text("\n".join(rows))
    arguments = [
        "--ct",
        tmp_path / "ct",
        "--xray",
        tmp_path / "xrays.csv",
        "--out",
        tmp_path / "run",
        "--epochs",
        2,
        "--epoch-size",
        640,
    ]
    result = CliRunner().invoke(app, ["train", "recognizer", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    card = load_card(tmp_path / "run" / f"{RECOGNIZER}.json")
    figures = card.metrics["validation"]
    assert figures["auc"] > 0.95
    assert figures["xray"]["n"] + next(one["pictures"] for one in card.training_data if one["name"] == "xrays") == 60
    assert 0 <= Recognizer(card).xray_probability(np.zeros((40, 40), np.float32)) <= 1
