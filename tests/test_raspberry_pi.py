"""The Raspberry Pi example gives the pipeline's answers with few packages and little memory."""

import ast
import importlib.util
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import label

from benchmarks.speed import edge

from .conftest import ROOT, SLICES

pytestmark = pytest.mark.train

EXAMPLE = ROOT / "examples" / "raspberry_pi.py"


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("edge")
    edge.export(folder)
    return folder


def judge(*arguments):
    return subprocess.run(
        [sys.executable, EXAMPLE, *arguments], capture_output=True, text=True, check=False
    )  # fmt: skip


@pytest.mark.parametrize("name", ["covid19-ny-sbu-A056642.png", "lctsc-S1-101-hu.tif"])
def test_agrees_with_the_pipeline(exported, pipe, tmp_path, name):
    done = judge(exported, SLICES / name, "--out", tmp_path / "mask.png")
    assert done.returncode == 0, done.stderr
    assert "Research software, not a medical device." in done.stdout
    expected = pipe.predict(SLICES / name)
    answer, probability = done.stdout.splitlines()[0].split(", probability ")
    assert answer == expected.label
    assert float(probability) == pytest.approx(expected.probability, abs=0.01)
    found = np.asarray(Image.open(tmp_path / "mask.png")) > 0
    assert found.shape == expected.lung_mask.shape
    assert 2 * (found & expected.lung_mask).sum() / (found.sum() + expected.lung_mask.sum()) > 0.995


def test_missing_lung_and_missing_networks_are_reported(exported, tmp_path):
    done = judge(exported, SLICES / "covid19-ny-sbu-A062055-abdomen.png", "--out", tmp_path / "mask.png")
    assert done.returncode == 0, done.stderr
    assert "indeterminate" in done.stdout
    assert not np.asarray(Image.open(tmp_path / "mask.png")).any()
    done = judge(tmp_path, SLICES / "lctsc-S1-101-hu.tif")
    assert done.returncode == 1
    assert "lungct export" in done.stderr


def test_stays_within_the_memory_of_a_small_board(exported):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.edge", exported], cwd=ROOT, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "peak_mb" in done.stdout
    figures = edge.measure(exported)
    assert figures["ok"], figures
    assert 50 < figures["peak_mb"] < 400
    assert set(figures["files_mb"]) == {path.name for path in exported.glob("*.tflite")}
    starved = edge.measure(exported, limit_mb=180)
    assert not starved["ok"]
    assert "ended with" in starved["answer"]


def test_needs_only_numpy_pillow_and_litert():
    names = set()
    for node in ast.walk(ast.parse(EXAMPLE.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.split(".")[0])
    assert names - sys.stdlib_module_names == {"numpy", "PIL", "ai_edge_litert"}


@pytest.mark.parametrize("share", [0, 0.3, 0.6, 1])
def test_connected_components_equal_those_of_scipy(share):
    mask = np.random.default_rng(0).random((40, 50)) < share
    labels, areas = load(EXAMPLE).components(mask)
    expected, count = label(mask)
    assert len(np.unique(labels[mask])) == count
    assert len(set(zip(labels[mask].tolist(), expected[mask].tolist(), strict=True))) == count
    np.testing.assert_array_equal(labels > 0, mask)
    assert areas[0] == 0
    np.testing.assert_array_equal(areas[labels[mask]], np.bincount(expected[mask])[expected[mask]])
