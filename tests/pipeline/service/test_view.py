"""What the page receives: layers that add up to the overlay, selected slices, and no heatmap without an answer."""

import base64
import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lungct.pipeline.results.overlay import draw_evidence
from lungct.pipeline.service import view as service_view
from lungct.pipeline.service.page import PAGE
from lungct.pipeline.service.view import view_of
from lungct.sources import Scan

from ...conftest import ROOT, SLICES
from .serving import WithInfectionMap


def picture(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGBA")


@pytest.mark.parametrize("explain", ["lesions", "cam"])
def test_layers_add_up_to_the_overlay(pipe, tmp_path, explain):
    prediction = WithInfectionMap(pipe).predict(SLICES / "covid19-ny-sbu-A056642.png", explain=explain)
    view = view_of(prediction, prediction.scan, tmp_path)
    (shown,) = view["slices"]
    whole = picture(shown["plain"])
    for layer in ("heatmap", "outline"):
        whole.alpha_composite(picture(shown[layer]))
    drawn = np.asarray(draw_evidence(prediction.slice_view(0), 1.0), dtype=int)
    difference = np.abs(np.asarray(whole.convert("RGB"), dtype=int) - drawn)
    assert difference.mean() < 2  # JPEG
    blue = (drawn == (0, 220, 255)).all(axis=2)
    assert blue.sum() > 1000
    assert difference[blue].max() == 0


def test_infection_is_named_measured_and_graded(pipe, tmp_path):
    prediction = WithInfectionMap(pipe).predict(SLICES / "covid19-ny-sbu-A056642.png")
    view = view_of(prediction, prediction.scan, tmp_path)
    assert view["layers"]["heatmap"] == "Heatmap: infection"
    assert "infection" in view["legend"]["heatmap"]
    shares = [round(100 * share) for share in (prediction.infected_fraction, *prediction.infection.sides.values())]
    assert view["infection"] == [
        f"Infected: {shares[0]} % of the lungs in this slice.",
        f"Right lung {shares[1]} %, left lung {shares[2]} %.",
        "Grade 1 of 4: up to 25 % of the lungs infected.",
    ]
    assert 1 < shares[0] < shares[1] < 50  # the map is strongest in the right lung


def test_healthy_lung_stays_grey(pipe, tmp_path):
    prediction = WithInfectionMap(pipe).predict(SLICES / "covid19-ny-sbu-A056642.png")
    (shown,) = view_of(prediction, prediction.scan, tmp_path)["slices"]
    opacity = np.asarray(picture(shown["heatmap"]))[..., 3].astype(float)
    heat, inside = prediction.heatmap, ~prediction.infection_mask
    assert inside.any()
    assert not opacity[inside & (heat < 0.19)].any()
    weak, strong = (opacity[inside & (np.abs(heat - value) < 0.01)].mean() for value in (0.25, 0.35))
    assert strong / weak == pytest.approx(0.15 / 0.05, rel=0.2)
    none = WithInfectionMap(pipe, heat=-9).predict(SLICES / "covid19-ny-sbu-A056642.png")
    view = view_of(none, none.scan, tmp_path)
    assert not np.asarray(picture(view["slices"][0]["heatmap"]))[..., 3].any()
    assert view["infection"][0] == "Infected: 0 % of the lungs in this slice."
    assert view["infection"][-1] == "Grade 0 of 4: no infection found."


@pytest.mark.parametrize(("explain", "name"), [("cam", "class activation"), ("occlusion", "occlusion")])
def test_other_heatmaps_are_named_and_a_network_without_a_map_measures_no_infection(pipe, tmp_path, explain, name):
    found = pipe.predict(SLICES / "covid19-ny-sbu-A056642.png", explain="cam")
    prediction = replace(found, classification=replace(found.classification, explain=explain, lesions=()))
    view = view_of(prediction, found.scan, tmp_path)
    assert view["layers"]["heatmap"] == f"Heatmap: {name}"
    assert "evidence for COVID" in view["legend"]["heatmap"]
    assert view["infection"] == []


def test_an_uncertain_answer_says_so_first(pipe, tmp_path):
    found = pipe.predict(SLICES / "covid19-ny-sbu-A056642.png")
    both = ("COVID", "non-COVID")
    for label, labels, said in (
        ("COVID", both, "uncertain, leaning to COVID"),
        ("non-COVID", both, "uncertain, leaning to non-COVID"),
        ("COVID", ("COVID",), "COVID"),
        ("non-COVID", (), "non-COVID"),
        ("indeterminate", both, "indeterminate"),
    ):
        prediction = replace(found, label=label, prediction_set=labels)
        assert view_of(prediction, found.scan, tmp_path)["answer"] == said


def test_without_an_answer_nothing_is_painted(pipe, tmp_path):
    prediction = pipe.predict(SLICES / "covid19-ny-sbu-A062055-abdomen.png")
    view = view_of(prediction, prediction.scan, tmp_path)
    assert view["bar"] == view["chart"] == view["legend"]["heatmap"] == view["legend"]["outline"] == ""
    assert view["infection"] == []
    assert view["slices"][0]["heatmap"] is None
    assert [warning["code"] for warning in view["warnings"]] == ["no-lung"]


def test_of_many_slices_a_selection_is_shown_with_the_most_suspicious(pipe, chest, tmp_path, monkeypatch):
    monkeypatch.setattr(service_view, "MOST_SLICES", 4)
    air, lungs = np.full((160, 200), -1000, np.float32), chest[0]
    volume = np.stack([air, air, air, lungs, air, air, air, air, air])
    prediction = pipe.predict(volume, intensity="hu")
    view = view_of(prediction, prediction.scan, tmp_path)
    json.dumps(view, allow_nan=False)
    assert [shown["index"] for shown in view["slices"]] == [0, 3, 4, 8]
    assert view["slices"][view["first"]]["index"] == 3
    assert [file["name"] for file in view["files"]] == ["mask.nii.gz", "overlay.png", "sheet.html", "prediction.json"]


@pytest.mark.parametrize(("spacing", "said"), [(None, "Lungs: "), ((5.0, 0.7, 0.7), " ml, ")])
def test_lungs_in_words(pipe, chest, tmp_path, spacing, said):
    prediction = pipe.predict(Scan(np.stack([chest[0]] * 2), "hu", spacing=spacing))
    facts = view_of(prediction, prediction.scan, tmp_path)["facts"]
    assert said in facts[0]
    assert facts[1:] == [f"Distance from the training data: {prediction.ood_score:.2f}. Above 1, no answer is given."]


def test_the_page_has_the_examples_of_the_repository():
    own = PAGE / "examples"
    taken = {"covid": "A056642", "missed": "A002304", "abdomen": "A062055-abdomen"}
    for name, patient in taken.items():
        assert (own / f"{name}.png").read_bytes() == (SLICES / f"covid19-ny-sbu-{patient}.png").read_bytes()
    series = {path.name: path.read_bytes() for path in (ROOT / "examples" / "series").glob("*.dcm")}
    with zipfile.ZipFile(own / "series.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == series
