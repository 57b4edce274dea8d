"""The command line: tables, files, exit codes."""

import csv
import shutil

import numpy as np
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

from lungct.pipeline.cli import app
from lungct.pipeline.files import unique_stems
from lungct.weights import WeightsError

from ..conftest import SLICES


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
    assert list(first) == ["source", "label", "probability", "lung_fraction", "warnings", "error"]
    assert first["source"] == str(covid_slice)
    assert first["label"] in ("COVID", "non-COVID")
    assert 0.05 < float(first["lung_fraction"]) < 0.35
    assert (second["label"], second["probability"], second["warnings"]) == ("indeterminate", "", "no-lung")
    names = sorted(path.name for path in (tmp_path / "out").glob("covid19-ny-sbu-A002304*"))
    assert names == ["covid19-ny-sbu-A002304_mask.png", "covid19-ny-sbu-A002304_overlay.png"]
    assert np.asarray(Image.open(tmp_path / "out" / names[0])).shape == (512, 512)


def test_broken_inputs_are_rows_and_exit_code_one(tmp_path, covid_slice):
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


def test_what_stops_a_whole_command_is_one_line(tmp_path, covid_slice, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    result = run("predict", covid_slice, "--out", tmp_path / "file")
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    monkeypatch.setattr("lungct.weights.engines.read_verified", lambda path, sha256: _refuse())
    result = run("segment", covid_slice, "--out", tmp_path)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)


def _refuse():
    raise WeightsError("changed or cut off")


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


def test_segment_keeps_hounsfield_units_and_reports_what_is_broken(tmp_path):
    source = SLICES / "lctsc-S1-101-hu.tif"
    result = run("segment", source, tmp_path / "missing.png", "--out", tmp_path)
    assert result.exit_code == 1
    roi = tifffile.imread(tmp_path / "lctsc-S1-101-hu_roi.tif")
    mask = np.asarray(Image.open(tmp_path / "lctsc-S1-101-hu_mask.png")) > 0
    np.testing.assert_array_equal(roi, np.where(mask, tifffile.imread(source), -1024))
    assert rows(tmp_path / "segmentations.csv")[1]["error"]


def test_a_volume_gives_a_file_a_slice(tmp_path):
    hu = tifffile.imread(SLICES / "lctsc-S1-101-hu.tif")
    np.save(tmp_path / "volume.npy", np.stack([hu, hu]))
    assert run("predict", tmp_path / "volume.npy", "--out", tmp_path).exit_code == 0
    names = sorted(path.name for path in tmp_path.glob("volume_*"))
    assert names == ["volume_001_mask.png", "volume_001_overlay.png", "volume_002_mask.png", "volume_002_overlay.png"]


def test_unique_stems():
    assert unique_stems(["a/x.png", "b/X.png", "c/x.tif", "??.png", "x-2.png"]) == ["x", "X-2", "x-3", "scan", "x-2-2"]


def test_weights_commands():
    listed = run("weights", "list")
    assert listed.exit_code == 0
    assert "bcdunet-lung" in listed.output
    assert run("weights", "verify").output.count("ok") == 4
    assert run("weights", "path", "bcdunet-lung").output.strip().endswith("bcdunet-lung.onnx")
    assert "0." in run("--version").output


def test_help_teaches():
    for command in ([], ["predict"], ["segment"], ["train", "lungseg"], ["train", "classify"], ["weights"]):
        result = run(*command, "--help")
        assert result.exit_code == 0
        assert "Usage" in result.output
