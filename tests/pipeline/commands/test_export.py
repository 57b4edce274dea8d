"""`lungct export`: what it shows the networks, its table, its exit codes."""

import numpy as np
import pytest
from typer.testing import CliRunner

from lungct.pipeline.commands.cli import app
from lungct.pipeline.commands.export import _seen, _slices
from lungct.weights import CLASSIFIER, SEGMENTER, WeightsError, load_card
from lungct.weights.export import input_sizes

from ...conftest import SLICES

pytestmark = pytest.mark.train


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "250"})


def test_a_network_of_ones_own_is_exported_and_shown(tmp_path):
    result = run("export", load_card(CLASSIFIER).folder / f"{CLASSIFIER}.json", "--format", "keras",
                 "--calibration", SLICES, "--out", tmp_path)  # fmt: skip
    assert result.exit_code == 0, result.output
    assert f"{CLASSIFIER}.keras" in result.output
    assert {path.name for path in tmp_path.iterdir()} == {f"{CLASSIFIER}.keras", f"{CLASSIFIER}.json"}
    agreement = load_card(tmp_path / f"{CLASSIFIER}.json").metrics["export"]["agreement"]
    assert agreement["inputs"] == len(list(SLICES.iterdir())) - 1  # one lies below the lungs
    assert agreement["probability"] < 1e-4


def test_networks_are_shown_what_they_meet():
    cards = [load_card(name) for name in (SEGMENTER, CLASSIFIER)]
    slices = _slices(SLICES, cards)
    assert len(slices) == len(list(SLICES.iterdir())) - 1
    looks, rois = ([_seen(card, one) for one in slices] for card in cards)
    close, coarse = input_sizes(cards[0])
    assert {tuple(look.shape[1] for look in three) for three in looks} == {(coarse, close, close)}
    assert not np.array_equal(*looks[0][1:])
    assert {roi.shape for (roi,) in rois} == {(1, *2 * input_sizes(cards[1]), 1)}
    for picture in (*looks[0], *rois[0]):
        assert picture.dtype == np.float32
        assert 0 <= picture.min() < picture.max() <= 1


def test_int8_is_calibrated_on_some_slices_and_checked_on_others(tmp_path, monkeypatch):
    seen = {}

    def remember(card, build, folder, form, precision, pictures, calibration, **_):
        seen.update(pictures=pictures, calibration=calibration)
        raise WeightsError("enough")

    monkeypatch.setattr("lungct.weights.export.export_network", remember)
    run("export", "classifier", "--format", "tflite", "--precision", "int8", "--calibration", SLICES, "--out", tmp_path)
    assert len(seen["pictures"]) == len(seen["calibration"]) == 3
    assert not {one.tobytes() for one in seen["pictures"]} & {one.tobytes() for one in seen["calibration"]}
    run("export", "classifier", "--format", "tflite", "--calibration", SLICES, "--out", tmp_path)
    assert (len(seen["pictures"]), len(seen["calibration"])) == (6, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--format", "onnx", "--precision", "int8"], "Supported are"),
     (["lungs", "--format", "onnx"], "is not segmenter"),
     (["--format", "coreml"], ""), (["missing.json", "--format", "onnx"], "does not exist"),
     (["--format", "tflite", "--precision", "int8"], "needs pictures"), ([], "")],
)  # fmt: skip
def test_wrong_usage_is_exit_code_two(tmp_path, arguments, message):
    result = run("export", *arguments, "--out", tmp_path)
    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("│", " ").split())
    assert not list(tmp_path.iterdir())


def test_a_folder_without_lungs_is_refused(tmp_path):
    (tmp_path / "pictures").mkdir()
    abdomen = SLICES / "covid19-ny-sbu-A062055-abdomen.png"
    (tmp_path / "pictures" / abdomen.name).write_bytes(abdomen.read_bytes())
    result = run("export", "--format", "keras", "--calibration", tmp_path / "pictures", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "no lungs" in result.output


def test_a_file_that_does_not_agree_is_exit_code_one(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise WeightsError("does not agree with Keras")

    monkeypatch.setattr("lungct.weights.export.export_network", refuse)
    result = run("export", "segmenter", "--format", "onnx", "--out", tmp_path)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)


def test_help_teaches():
    result = run("export", "--help")
    assert result.exit_code == 0
    for word in ("tflite", "--calibration", "raspberry_pi.py", "TwoStepConvLSTM"):
        assert word in result.output
