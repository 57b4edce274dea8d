"""Evaluation: rows, summaries, and the page."""

import csv
import json

import numpy as np
import pytest

from lungct.lungseg import LungSegmenter
from lungct.lungseg.data.dataset import LabelledScan
from lungct.lungseg.evaluation.evaluate import Evaluation, evaluate_segmenter, mean_over_patients
from lungct.lungseg.evaluation.page import write_report
from lungct.sources import Scan, read_scan

from ...conftest import SLICES


@pytest.fixture(scope="module")
def segmenter():
    return LungSegmenter()


@pytest.fixture(scope="module")
def scans(segmenter, tmp_path_factory):
    """Two examples labelled by the segmenter itself, one of them incorrectly, and one slice without lung."""
    folder = tmp_path_factory.mktemp("data") / "set" / "images"
    first, second = (read_scan(SLICES / f"lung-pet-ct-dx-A0002-{number}.png") for number in (11, 17))
    mask = segmenter.segment(first).mask
    wrong = np.roll(segmenter.segment(second).mask, 20, axis=2)
    spaced = Scan(second.pixels, "display", spacing=(5.0, 0.5, 0.5), source="second")
    blank = Scan(np.full((1, 64, 64), 0.5, np.float32), "display", source="blank")
    return [
        LabelledScan(first, mask, "P1", folder, infection=mask),
        LabelledScan(spaced, wrong, "P2", folder),
        LabelledScan(blank, np.zeros((1, 64, 64), bool), "P2", folder),
    ]


@pytest.fixture(scope="module")
def evaluation(segmenter, scans):
    return evaluate_segmenter(segmenter, scans)


def test_rows_and_summary_match_the_outlines(evaluation):
    first, second, blank = evaluation.rows
    assert first["dice"] == 1
    assert first["infection_kept"] == 1
    assert first["hausdorff95_px"] == 0
    assert np.isnan(first["hausdorff95_mm"])
    assert second["dice"] < 0.9
    assert second["hausdorff95_mm"] == second["hausdorff95_px"] / 2
    assert not blank["lung"]
    figures = evaluation.summary()["set"]
    assert (figures["slices"], figures["slices_with_lung"], figures["patients"]) == (3, 2, 2)
    assert figures["dice"]["mean"] == pytest.approx((1 + second["dice"]) / 2, abs=1e-4)
    assert figures["infection_kept"]["n"] == 1
    assert figures["found_without_lung"] <= 0.002


def test_pixels_are_pooled_by_patient_and_the_worst_patient_comes_first(evaluation):
    patients = evaluation.patients()
    assert [row["slices"] for row in patients] == [1, 2]
    assert patients[0]["dice_of_all_pixels"] == 1
    assert evaluation.worst[0].row["source"] == "second"


def test_page_has_figures_and_pictures(evaluation, segmenter, tmp_path):
    flags = [{"flag": "one-lung", "made": 3, "recall": 1.0}]
    page = write_report(evaluation, segmenter.card, tmp_path, flags)
    text = page.read_text(encoding="utf-8")
    assert "one-lung" in text
    assert "not a medical device" in text
    assert len(list(tmp_path.glob("worst-*.png"))) == 3
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["data_sets"]["set"]["slices"] == 3
    assert report["network"]["sha256"] == segmenter.card.sha256
    assert report["patients"][0]["hausdorff95_mm"] is None
    with (tmp_path / "slices.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["hausdorff95_mm"] == "" for row in rows] == [True, False, True]


def test_mean_over_patients_weighs_patients_not_slices():
    figures = mean_over_patients([1.0, 0.8, 0.6], ["a", "b", "b"])
    assert figures["mean"] == 0.85
    assert figures["lowest"] == 0.6
    assert figures["interval"][0] <= 0.85 <= figures["interval"][1]


def test_no_measurements_give_an_empty_summary():
    assert Evaluation([]).summary() == {}


def test_tips_large_slices_and_sides_are_measured_apart(segmenter, tmp_path):
    scan = read_scan(SLICES / "lctsc-S1-101-hu.tif")
    lungs = segmenter.segment(scan)
    tip = np.zeros_like(lungs.mask)
    tip[0, 300:330, 100:130] = True
    large = LabelledScan(scan, lungs.mask, "P1", tmp_path, sides=lungs.labels)
    small = LabelledScan(scan, tip, "P2", tmp_path)
    first, second = evaluate_segmenter(segmenter, [large, small]).rows
    assert first["dice_of_large_slices"] == 1
    assert first["sides_right"] == 1
    assert np.isnan(first["tips_found"])
    assert second["tips_found"] == 0  # 900 pixels are a tip, and the whole lungs are found
    assert np.isnan(second["dice_of_large_slices"])
    swapped = LabelledScan(scan, lungs.mask, "P1", tmp_path, sides=np.where(lungs.mask, 3 - lungs.labels, 0))
    assert evaluate_segmenter(segmenter, [swapped]).rows[0]["sides_right"] == 0


def test_slices_of_a_volume_can_be_measured_one_by_one(segmenter, tmp_path):
    one = read_scan(SLICES / "lctsc-S1-101-hu.tif")
    volume = Scan(np.concatenate([one.pixels] * 2), "hu", source="volume")
    drawn = np.concatenate([segmenter.segment(one).mask] * 2)
    rows = evaluate_segmenter(segmenter, [LabelledScan(volume, drawn, "P", tmp_path)], single_slices=True).rows
    assert [row["dice"] for row in rows] == [1, 1]
