"""The page about a map of infection: figures, pictures, and the files beside it."""

import csv
import json

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from lungct.classify.evaluation.curves import to_picture
from lungct.classify.evaluation.lesions.measure import evaluate_lesions
from lungct.classify.evaluation.lesions.page import write_report
from lungct.classify.evaluation.lesions.plots import DRAWN, FOUND, draw_agreement, draw_outlines
from lungct.weights import CLASSIFIER, load_card

from .made import NOTHING, Brightness, annotated, rectangle

ONE, OTHER = rectangle((10, 20), (5, 17)), rectangle((12, 26), (20, 30))


@pytest.fixture(scope="module")
def evaluation():
    scans = [annotated(ONE, OTHER), annotated(ONE, ONE | OTHER, "P2"), annotated(ONE, NOTHING, "<P3>")]
    return evaluate_lesions(Brightness(), [*scans, annotated(ONE, ONE, "P4", lungs=NOTHING)])


def test_page_needs_no_other_file_and_says_where_it_was_measured(evaluation, tmp_path):
    report = write_report(evaluation, load_card(CLASSIFIER), {"set": "in drawn lungs"}, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "report.json", "slices.csv", "patients.csv"}
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    for words in ("in drawn lungs", "not a medical device", "Bland-Altman", "Dice 0.000, no lung found: P4.png"):
        assert words in text
    assert text.count('src="data:image/png') == 1 + 3 + 3
    assert 'src="' not in text.replace('src="data:', "")
    assert "<P3>" not in text
    assert json.loads((tmp_path / "report.json").read_text()) == json.loads(json.dumps(report).replace("NaN", "null"))
    assert report["threshold"] == 0.5
    assert report["without_lung"] == [{"source": "P4.png", "slice": 0, "infected_pixels": 120}]
    with (tmp_path / "slices.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["note"] for row in rows] == ["", "", "", "no lung found"]
    assert rows[2]["dice"] == ""


def test_outlines_have_two_colours_and_a_legend(evaluation):
    figure = draw_outlines(evaluation.lowest_dice[-1])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["drawn by a person", "found"]
    pixels = np.asarray(to_picture(figure).convert("RGB")) / 255
    for colour in (DRAWN, FOUND):
        assert (np.abs(pixels - to_rgb(colour)).max(axis=-1) < 0.02).sum() > 100


def test_agreement_is_plotted_in_per_cent_with_its_limits():
    (axis,) = draw_agreement(np.array([0.2, 0.4]), np.array([0.3, 0.3]), "set").axes
    assert axis.get_title() == "set: infected share of the lungs, 2 slices"
    assert "%" in axis.get_xlabel()
    assert "percentage points" in axis.get_ylabel()
    np.testing.assert_allclose(axis.collections[0].get_offsets(), [[25, 10], [35, -10]])
    labels = axis.get_legend_handles_labels()[1]
    assert labels[0] == "bias: +0.0"
    assert labels[2] == "upper 95 % limit of agreement: +27.7"
    (single,) = draw_agreement(np.array([0.2]), np.array([0.3]), "set").axes
    assert single.get_legend() is None
