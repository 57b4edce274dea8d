"""The command line: tables, files, exit codes."""

import csv
import json
import platform
import re
import shutil
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

from lungct.pipeline.commands import environment
from lungct.pipeline.commands import predict as predict_command
from lungct.pipeline.commands.cli import app
from lungct.pipeline.results.files import unique_stems
from lungct.sources import read_scan
from lungct.weights import SEGMENTER, WeightsError, load_card

from ...conftest import ROOT, SLICES, make_chest
from ...sources.dicom.dicom_files import series_of, write
from ..test_prediction import infected, made


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "250"})


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_predict_writes_table_csv_masks_and_overlays(tmp_path, covid_slice):
    result = run("predict", covid_slice, SLICES / "covid19-ny-sbu-A062055-abdomen.png", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "not a medical device" in result.output
    first, second = rows(tmp_path / "out" / "predictions.csv")
    assert list(first) == [
        "source", "label", "probability", "interval_low", "interval_high", "prediction_set", "ood_score",
        "infected_fraction", "right_lung_infected", "left_lung_infected", "infection_grade",
        "lung_fraction", "lung_volume_ml", "right_lung_ml", "right_lung_mean_hu",
        "right_lung_below_950", "left_lung_ml", "left_lung_mean_hu",
        "left_lung_below_950", "slices", "aggregation", "warnings", "error",
    ]  # fmt: skip
    assert first["source"] == str(covid_slice)
    assert first["label"] in ("COVID", "non-COVID")
    assert 0.05 < float(first["lung_fraction"]) < 0.35
    assert (second["label"], second["probability"], second["warnings"]) == ("indeterminate", "", "no-lung")
    names = sorted(path.name for path in (tmp_path / "out").glob("covid19-ny-sbu-A002304*"))
    assert names == [f"covid19-ny-sbu-A002304{end}.png" for end in ("-infection", "_mask", "_overlay")]
    infection, lungs = (np.asarray(Image.open(tmp_path / "out" / name)) > 0 for name in names[:2])
    assert lungs.shape == (512, 512)
    assert infection.sum() / lungs.sum() == pytest.approx(float(first["infected_fraction"]), abs=1e-4)
    assert not (infection & ~lungs).any()


def test_predict_explains_by_occlusion(tmp_path, covid_slice):
    for explain in ("cam", "occlusion"):
        result = run("predict", covid_slice, "--out", tmp_path / explain, "--explain", explain)
        assert result.exit_code == 0, result.output
    cam, occlusion = (next((tmp_path / name).glob("*_overlay.png")).read_bytes() for name in ("cam", "occlusion"))
    assert cam != occlusion
    assert run("predict", covid_slice, "--explain", "guess").exit_code == 2


def test_the_table_says_how_much_is_infected_and_the_files_keep_the_label(capsys):
    unsure = replace(infected(), prediction_set=("COVID", "non-COVID"))
    row = predict_command._row(unsure, labels=False)
    assert (row["label"], row["infected_fraction"], row["infection_grade"]) == ("COVID", 0.25, 1)
    predict_command._print_table([row, predict_command._row(made(0.9), labels=False)])
    printed = " ".join(re.sub(r"[^\w %,.-]", " ", capsys.readouterr().out).split())
    assert "25 %" in printed
    assert "uncertain" in printed


@pytest.mark.parametrize("width", [60, 80, 140])
def test_warnings_survive_in_narrow_tables(monkeypatch, capsys, width):
    monkeypatch.setenv("COLUMNS", str(width))
    row = {**predict_command._row(infected(), labels=False), "warnings": "incomplete-lungs sparse-slices"}
    predict_command._print_table([row])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.endswith(": incomplete-lungs sparse-slices")]
    drawn = [line for line in lines if line.startswith(("┏", "│", "└"))]
    assert {len(line) for line in drawn} == {len(drawn[0])}
    assert len(drawn[0]) <= width
    assert drawn[0].endswith("┓")


def test_unreadable_inputs_are_rows_with_exit_code_one(tmp_path, covid_slice):
    (tmp_path / "broken.png").write_bytes(b"words")
    (tmp_path / "empty").mkdir()
    result = run("predict", tmp_path / "broken.png", covid_slice, tmp_path / "missing.png", tmp_path / "empty",
                 "--out", tmp_path / "out")  # fmt: skip
    assert result.exit_code == 1
    found = rows(tmp_path / "out" / "predictions.csv")
    assert [bool(row["error"]) for row in found] == [True, False, True, True]
    assert str(tmp_path / "broken.png") in found[0]["error"]
    assert "does not exist" in found[2]["error"]


@pytest.mark.parametrize(
    "arguments",
    [["predict"], ["predict", "a.png", "--engine", "none"], ["segment", "a.png"], ["nonsense"],
     ["predict", "a.png", "--threads", "0"], ["weights", "path", "unknown"]],
)  # fmt: skip
def test_wrong_usage_is_exit_code_two(arguments):
    assert run(*arguments).exit_code == 2


def test_fatal_errors_are_one_line(tmp_path, covid_slice, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    result = run("predict", covid_slice, "--out", tmp_path / "file")
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    monkeypatch.setattr("lungct.weights.engines.read_verified", lambda path, sha256: _refuse())
    result = run("segment", covid_slice, "--out", tmp_path)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)


def _refuse():
    raise WeightsError("modified or cut off")


def test_folders_are_searched_and_names_do_not_collide(tmp_path, covid_slice):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(covid_slice, tmp_path / folder / "slice.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    result = run("segment", tmp_path, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert len(rows(tmp_path / "out" / "segmentations.csv")) == 2
    names = sorted(path.name for path in (tmp_path / "out").glob("*.png"))
    assert names == ["slice-2_mask.png", "slice-2_roi.png", "slice_mask.png", "slice_roi.png"]
    mask, roi = (np.asarray(Image.open(tmp_path / "out" / f"slice_{kind}.png")) for kind in ("mask", "roi"))
    np.testing.assert_array_equal(roi, np.asarray(Image.open(covid_slice)) * (mask > 0))


def test_segment_keeps_hounsfield_units_and_reports_unreadable_inputs(tmp_path):
    source = SLICES / "lctsc-S1-101-hu.tif"
    result = run("segment", source, tmp_path / "missing.png", "--out", tmp_path)
    assert result.exit_code == 1
    roi = tifffile.imread(tmp_path / "lctsc-S1-101-hu_roi.tif")
    mask = np.asarray(Image.open(tmp_path / "lctsc-S1-101-hu_mask.png")) > 0
    np.testing.assert_array_equal(roi, np.where(mask, tifffile.imread(source), -1024))
    assert rows(tmp_path / "segmentations.csv")[1]["error"]


def test_a_volume_gives_a_sheet_and_a_mask_in_the_requested_format(tmp_path):
    hu = tifffile.imread(SLICES / "lctsc-S1-101-hu.tif")
    write(tmp_path / "study" / "series", series_of(np.stack([hu, hu]), step=3.0))
    result = run("predict", tmp_path / "study", "--out", tmp_path / "auto")
    assert result.exit_code == 0, result.output
    assert {path.name for path in (tmp_path / "auto").iterdir()} == {
        "predictions.csv", "series_overlay.png", "series_mask.nii.gz", "series-infection.nii.gz",
    }  # fmt: skip
    (row,) = rows(tmp_path / "auto" / "predictions.csv")
    assert row["source"] == str(tmp_path / "study" / "series")
    assert row["slices"] == "2"
    mask = read_scan(tmp_path / "auto" / "series_mask.nii.gz", intensity="display").pixels > 0
    assert float(row["lung_volume_ml"]) == pytest.approx(mask.sum() * 3.0 * 0.7 * 0.8 / 1000, abs=0.6)
    for masks, names in {
        "png": {f"series_slice00{number}_{kind}" for number in (1, 2) for kind in ("mask.png", "roi.tif")},
        "seg": {"series_mask.dcm", "series_roi.nii.gz"},
    }.items():
        result = run("segment", tmp_path / "study", "--out", tmp_path / masks, "--masks", masks)
        assert result.exit_code == 0, result.output
        assert {path.name for path in (tmp_path / masks).iterdir()} == {"segmentations.csv", *names}
    roi = read_scan(tmp_path / "seg" / "series_roi.nii.gz").pixels
    np.testing.assert_array_equal(roi, np.where(mask, np.stack([hu, hu]), -1024))
    failed = run("predict", SLICES / "lctsc-S1-101-hu.tif", "--masks", "seg", "--out", tmp_path / "no")
    assert failed.exit_code == 1
    assert "not read from DICOM" in rows(tmp_path / "no" / "predictions.csv")[0]["error"]


def test_damaged_files_in_a_folder_are_rows_and_localizers_are_not(tmp_path):
    hu, _ = make_chest(64, 80)
    files = series_of(np.stack([hu, hu]))
    write(tmp_path / "study", files)
    cut = (tmp_path / "study" / "001.dcm").read_bytes()[:700]
    (tmp_path / "study" / "cut.dcm").write_bytes(cut)
    (tmp_path / "study" / "page.png").write_text("<html>")
    (tmp_path / "study" / "broken.zip").write_bytes(b"PK\x03\x04 no archive")
    localizer = series_of(hu[None])[0]
    localizer.ImageType = "LOCALIZER"
    write(tmp_path / "study" / "overview", [localizer])
    result = run("predict", tmp_path / "study", "--out", tmp_path / "out")
    assert result.exit_code == 1
    found = {row["source"].rsplit("/", 1)[-1]: row["error"] for row in rows(tmp_path / "out" / "predictions.csv")}
    assert found.pop("study") == ""
    assert set(found) == {"cut.dcm", "page.png", "broken.zip"}
    assert all(found.values())


def test_info_says_how_inputs_are_read_or_why_not(tmp_path):
    hu, _ = make_chest(64, 80)
    write(tmp_path / "a", series_of(np.stack([hu, hu, hu]), spacing=(0.7, 0.8)))
    localizer = series_of(hu[None])
    localizer[0].ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    write(tmp_path / "b", localizer)
    np.save(tmp_path / "grey.npy", np.linspace(0, 3000, 6400).reshape(80, 80))
    result = run("info", tmp_path, "--json")
    assert result.exit_code == 1
    series, picture, refused = json.loads(result.stdout)
    assert series["source"] == str(tmp_path / "a")
    assert (series["format"], series["slices"], series["files"]) == ("DICOM", 3, 3)
    assert (series["height"], series["width"], series["spacing_mm"]) == (64, 80, [2.0, 0.7, 0.8])
    assert (series["intensity"], series["intensity_guessed"], series["warnings"]) == ("hu", False, [])
    assert series["transfer_syntax"] == "Explicit VR Little Endian"
    assert (picture["intensity"], picture["intensity_guessed"]) == ("display", True)
    assert refused["source"] == str(tmp_path / "b" / "000.dcm")
    assert "localizer" in refused["refused"]
    table = run("info", SLICES, tmp_path / "missing")
    assert table.exit_code == 1
    assert "hu, -1000 to 1102" in table.output
    assert "does not exist" in table.output


def test_info_describes_the_installation_for_bug_reports():
    result = run("info", "--env")
    assert result.exit_code == 0
    facts = dict(line.split(": ", 1) for line in result.output.splitlines())
    assert facts["lungct"] == version("lungct")
    assert facts["package numpy"] == np.__version__
    assert facts["Python"].startswith(platform.python_version())
    assert facts["engine auto takes"] == "onnxruntime; for bf16 openvino"
    assert f"onnxruntime {version('onnxruntime')}" in facts["engines"]
    card = load_card(SEGMENTER)
    assert facts[f"weights {SEGMENTER}"] == f"version {card.version}, sha256 {card.sha256[:12]}"
    assert {f"package {name}" for name in ("highdicom", "pyarrow", "tensorflow")} <= set(facts)
    assert "package pytest" not in facts
    for place in (Path.home(), Path.cwd(), ROOT):
        assert str(place) not in result.output


def test_info_names_packages_that_are_missing(monkeypatch):
    def without_numpy(name):
        if name == "numpy":
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(environment, "version", without_numpy)
    assert "package numpy: not installed\n" in run("info", "--env").output


def test_unique_stems():
    assert unique_stems(["a/x.png", "b/X.png", "c/x.tif", "??.png", "x-2.png"]) == ["x", "X-2", "x-3", "scan", "x-2-2"]


def test_weights_commands():
    listed = run("weights", "list")
    assert listed.exit_code == 0
    assert "bcdunet-lung" in listed.output
    assert run("weights", "verify").output.count("ok") == 16
    assert run("weights", "path", "bcdunet-lung").output.strip().endswith("bcdunet-lung.onnx")
    assert "0." in run("--version").output


def test_help_explains_the_command():
    for command in ([], ["predict"], ["segment"], ["train", "lungseg"], ["train", "classify"], ["weights"]):
        result = run(*command, "--help")
        assert result.exit_code == 0
        assert "Usage" in result.output
