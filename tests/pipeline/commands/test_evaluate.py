"""``lungct evaluate lungseg`` and ``lungct compare lungseg``, from folders to pages."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from lungct.lungseg import LungSegmenter
from lungct.pipeline import Pipeline
from lungct.pipeline.commands.cli import app
from lungct.sources import read_scan

from ...conftest import SLICES, eager_training, make_chest


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Four examples labelled by the segmenter itself, so Dice must be 1."""
    root = tmp_path_factory.mktemp("set")
    segmenter = LungSegmenter()
    for name in ("ct", "lungs"):
        (root / name).mkdir()
    for path in sorted(SLICES.glob("lung-pet-ct-dx*.png"))[:2] + sorted(SLICES.glob("covid19*.png"))[:2]:
        shutil.copy(path, root / "ct")
        Image.fromarray(segmenter.segment(read_scan(path)).mask[0]).save(root / "lungs" / path.name)
    return root


def test_folders_are_evaluated(folders, tmp_path):
    result = run(
        "evaluate", "lungseg", "--images", folders / "ct", "--masks", folders / "lungs",
        "--infections", folders / "lungs", "--out", tmp_path / "report",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    (figures,) = report["data_sets"].values()
    assert figures["dice"]["mean"] == figures["infection_kept"]["mean"] == 1
    assert figures["patients"] == 4
    assert "Dice 1.0000" in result.output
    assert (tmp_path / "report" / "report.html").exists()


def test_validation_share_measures_held_out_patients(folders, tmp_path):
    result = run(
        "evaluate", "lungseg", "--images", folders / "ct", "--masks", folders / "lungs",
        "--validation-share", 0.25, "--out", tmp_path,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert len(json.loads((tmp_path / "report.json").read_text())["patients"]) == 1


def test_mistakes_are_wrong_usage(folders, tmp_path):
    images, masks = folders / "ct", folders / "lungs"
    twice = run("evaluate", "lungseg", "--images", images, "--masks", masks, "--masks", masks, "--out", tmp_path)
    assert twice.exit_code == 2
    assert "once" in twice.output
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    assert run("evaluate", "lungseg", "--images", nothing, "--masks", masks, "--out", tmp_path).exit_code == 2


def table_of_examples(path):
    """Examples with made-up labels, one picture that can't be read and one without lung."""
    broken = path.parent / "broken.png"
    broken.write_bytes(b"no picture")
    pictures = [*sorted(SLICES.glob("*")), broken]
    rows = [f"{picture},{number % 2},p{number // 2},examples" for number, picture in enumerate(pictures)]
    path.write_text("path,label,patient,source\n" + "\n".join(rows))
    return len(pictures)


def test_classifier_report_measures_usable_inputs_and_names_the_rest(tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    count = table_of_examples(tmp_path / "table.csv")
    result = run(
        "evaluate", "classify", "--data", tmp_path / "table.csv", "--out", tmp_path / "out", "--leaks", "allow"
    )
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    figures = report["data_sets"]["examples"]
    assert figures["n"] == count - 2
    assert {Path(row["path"]).stem for row in report["not_scored"]} == {"broken", "covid19-ny-sbu-A062055-abdomen"}
    assert 0 <= figures["auc"]["value"] <= 1
    assert figures["auc"]["interval"] is None  # so few patients
    assert "(no interval), accuracy" in result.output
    assert "f1-score" in figures["scikit_learn"]
    with (tmp_path / "out" / "pictures.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == count
    pipe = Pipeline.from_pretrained()
    known = next(row for row in rows if "A002304" in row["path"])
    assert float(known["probability"]) == pytest.approx(pipe.predict(known["path"]).probability, abs=1e-5)
    for name in ("report.html", "curves-0.png", "worst-1.png", "best-1.png"):
        assert (tmp_path / "out" / name).stat().st_size > 0


def test_leaks_are_refused_and_training_parts_are_not_measured(tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    picture = SLICES / "covid19-ny-sbu-A002304.png"
    (tmp_path / "table.csv").write_text(f"path,label,patient,split\n{picture},1,a,train\n{picture},1,b,test\n")
    result = run("evaluate", "classify", "--data", tmp_path / "table.csv", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "near-duplicate" in result.output
    (tmp_path / "table.csv").write_text(f"path,label,patient,split\n{picture},1,a,train\n")
    trained = run("evaluate", "classify", "--data", tmp_path / "table.csv", "--out", tmp_path / "out")
    assert trained.exit_code == 2
    assert "--all-parts" in trained.output


@pytest.mark.train
def test_flags_are_measured_and_networks_compared(folders, tmp_path):
    result = run(
        "evaluate", "lungseg", "--images", folders / "ct", "--masks", folders / "lungs", "--flags",
        "--out", tmp_path / "report",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    flags = json.loads((tmp_path / "report" / "report.json").read_text())["flags"]
    assert [row["flag"] for row in flags][:2] == ["partial-lung", "one-lung"]

    for name in ("ct", "lungs"):
        (tmp_path / name).mkdir()
    for seed in range(10):
        hu, lungs = make_chest(64, 64, seed)
        grey = np.rint(np.clip((hu + 1000) / 1400, 0, 1) * 255).astype(np.uint8)
        Image.fromarray(grey).save(tmp_path / "ct" / f"{seed}.png")
        Image.fromarray(lungs).save(tmp_path / "lungs" / f"{seed}.png")
    arguments = (
        "compare", "lungseg", "--images", tmp_path / "ct", "--masks", tmp_path / "lungs", "--out", tmp_path / "runs",
        "--network", "bcdunet-16-d1", "--network", "bcdunet-16-d3-one-way", "--size", 32, "--epochs", 1, "--batch", 4,
    )  # fmt: skip
    with eager_training():
        result = run(*arguments)
    assert result.exit_code == 0, result.output
    table = (tmp_path / "runs" / "comparison.md").read_text().splitlines()
    assert [line.split("|")[1].strip() for line in table[2:]] == ["bcdunet-16-d1", "bcdunet-16-d3-one-way"]
    written = (tmp_path / "runs" / "bcdunet-16-d3-one-way" / "bcdunet-lung.onnx").stat().st_mtime_ns
    assert run(*arguments).exit_code == 0
    assert (tmp_path / "runs" / "bcdunet-16-d3-one-way" / "bcdunet-lung.onnx").stat().st_mtime_ns == written
    assert run(*arguments[:-6], "--network", "vnet").exit_code == 2
