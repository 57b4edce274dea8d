"""The lowest versions that setup.cfg allows can be installed together, and judge an example as the newest do."""

import csv
import re
import subprocess
import sys
from configparser import ConfigParser

import pytest

from lungct.pipeline import Pipeline

from .conftest import ROOT, SLICES

UNREACHABLE = re.compile(r"Retrying|NewConnectionError|ReadTimeout|Could not fetch URL")


def lowest_versions():
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg")
    lines = settings["options"]["install_requires"].split("\n")
    return [line.replace(">=", "==") for line in lines if line and not line.startswith("#")]


def test_every_requirement_of_the_base_has_a_lowest_version():
    assert len(lowest_versions()) > 5
    for line in lowest_versions():
        assert re.fullmatch(r"[\w-]+==[\d.]+", line), line


@pytest.mark.install
def test_an_example_is_judged_with_the_lowest_versions(tmp_path, wheel):
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (python,) = (path for path in (venv / "bin" / "python", venv / "Scripts" / "python.exe") if path.exists())
    (tmp_path / "constraints.txt").write_text("\n".join(lowest_versions()))
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile", "--retries", "1",
         "--only-binary", ":all:", "--constraint", tmp_path / "constraints.txt", wheel],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode and UNREACHABLE.search(done.stderr):
        pytest.skip("no index of packages can be reached")
    assert done.returncode == 0, done.stderr
    picture, series = SLICES / "covid19-ny-sbu-A002304.png", ROOT / "examples" / "series"
    judged = subprocess.run(
        [python, "-I", "-m", "lungct", "predict", picture, series, "--html", "--out", tmp_path / "out"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert judged.returncode == 0, judged.stderr
    with (tmp_path / "out" / "predictions.csv").open(newline="", encoding="utf-8") as file:
        of_picture, of_series = csv.DictReader(file)
    expected = Pipeline.from_pretrained().predict(picture)
    assert of_picture["label"] == expected.label
    assert float(of_picture["probability"]) == pytest.approx(expected.probability, abs=2e-3)
    assert of_series["lung_volume_ml"]
