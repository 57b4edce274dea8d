"""Inputs of commands: empty paths, folders with other files, earlier results, and names that can't be printed."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lungct.pipeline.batch.inputs import list_inputs
from lungct.pipeline.batch.listing import list_items
from lungct.pipeline.results.files import unique_stems
from lungct.sources import Limits, SourceError, read_scan

from ..test_prediction import made
from .test_cli import rows, run


@pytest.mark.parametrize("command", ["predict", "info"])
def test_an_empty_path_is_wrong_usage(command):
    result = run(command, "")
    assert result.exit_code == 2
    assert "the path is empty" in " ".join(result.output.replace("│", " ").split())


def test_an_empty_input_of_a_batch_is_an_error():
    pytest.importorskip("filelock")
    (item,) = list_items([""]).items
    assert isinstance(item.source, SourceError)


def test_what_is_left_out_is_counted(tmp_path, covid_slice):
    (tmp_path / "a.docx").write_bytes(b"PK\x03\x04")
    (tmp_path / "b.docx").write_bytes(b"PK\x03\x04")
    (tmp_path / "c.webp").write_bytes(b"RIFF\0\0\0\0WEBP")
    refused = run("predict", tmp_path)
    assert "holds no readable scan, only 2 .docx, 1 .webp" in " ".join(refused.output.split())
    (tmp_path / "a.png").write_bytes(covid_slice.read_bytes())
    result = run("predict", tmp_path)
    assert result.exit_code == 0
    assert "3 files left out: 2 .docx, 1 .webp" in result.output
    assert "3 files left out: 2 .docx, 1 .webp" in run("info", tmp_path).output


def test_a_second_run_does_not_judge_the_results_of_the_first(tmp_path, covid_slice):
    (tmp_path / "a.png").write_bytes(covid_slice.read_bytes())
    out = tmp_path / "results"
    for _ in range(2):
        assert run("predict", tmp_path, "--out", out).exit_code == 0
        assert len(rows(out / "predictions.csv")) == 1
    assert run("segment", tmp_path, "--out", tmp_path / "masks").exit_code == 0
    assert len(rows(tmp_path / "masks" / "segmentations.csv")) == 1
    assert list_inputs([tmp_path]) == [tmp_path / "a.png"]
    assert list_inputs([tmp_path / "a.png"], outside=tmp_path) == [tmp_path / "a.png"]  # given by name


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names of any bytes")
def test_a_name_that_is_no_text_does_not_end_the_run(tmp_path, covid_slice):
    (tmp_path / "in").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/in/M\xfcller.png")).write_bytes(covid_slice.read_bytes())
    result = run("predict", tmp_path / "in", "--out", tmp_path / "out", "--html")
    assert result.exit_code == 0, result.output
    (row,) = rows(tmp_path / "out" / "predictions.csv")
    assert row["source"].endswith("M\\udcfcller.png")
    assert "M\\udcfcller.png" in (tmp_path / "out" / "M_ller.html").read_text(encoding="utf-8")


def test_a_name_that_the_terminal_cannot_show_is_escaped(tmp_path, covid_slice):
    (tmp_path / "患者01.png").write_bytes(covid_slice.read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "lungct", "info", str(tmp_path)],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "cp1252", "COLUMNS": "250"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"\\u60a3\\u800501.png" in done.stdout


def test_slices_of_one_input_do_not_get_the_name_of_another():
    assert unique_stems(["a.nii.gz", "a_slice001.png"]) == ["a", "a_slice001-2"]
    assert unique_stems(["a_slice001.png", "a_slice002.png", "a.nii.gz"]) == ["a_slice001", "a_slice002", "a-2"]


def test_saving_keeps_the_result_of_another_source(tmp_path):
    names = []
    for source in ("a/im.png", "b/im.png", "a/im.png"):
        prediction = made(0.9)
        object.__setattr__(prediction, "source", source)
        names.append(prediction.save(tmp_path)[0].name)
    assert names == ["im.json", "im-2.json", "im.json"]


def test_remedies_for_sizes_say_what_commands_can_do():
    with pytest.raises(
        SourceError, match=r"thicker slices\. In Python, .*max_scan_pixels=…\); commands have no option"
    ):
        read_scan(np.zeros((3, 64, 64), np.uint8), limits=Limits(max_scan_pixels=9000))


def test_a_picture_is_still_a_picture(tmp_path):
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(tmp_path / "x_mask.png")  # of a data set: nothing beside it
    assert list_inputs([tmp_path]) == [tmp_path / "x_mask.png"]
