"""Shared fixtures: real example slices, a synthetic chest, the open pipeline, the training data if present."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from functools import partialmethod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from lungct.pipeline import Pipeline

ROOT = Path(__file__).parents[1]
SLICES = ROOT / "examples" / "slices"
SHARED = ROOT.parent / "shared" / "data"

# A busy machine is no failure: how long an example takes depends on what else runs.
settings.register_profile("any speed", deadline=None)
settings.load_profile("any speed")


def pytest_collection_modifyitems(items):
    """Skip tests whose data can't be shipped; for a missing package tests fail, unless run with -m "not train"."""
    skip = pytest.mark.skip(reason=f"needs the training data in {SHARED}")
    for item in items:
        if item.get_closest_marker("shared") and not SHARED.is_dir():
            item.add_marker(skip)


@pytest.fixture(scope="session")
def pipe():
    return Pipeline.from_pretrained()


@pytest.fixture(scope="session")
def covid_slice():
    return SLICES / "covid19-ny-sbu-A002304.png"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """Lungct's wheel, built from this checkout once for all workers: at the same time they would disturb each other."""
    filelock = pytest.importorskip("filelock")
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "wheel"
    with filelock.FileLock(f"{folder}.lock"):
        if not list(folder.glob("lungct-*.whl")):
            command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
    (built,) = folder.glob("lungct-*.whl")
    return built


@pytest.fixture(scope="module", autouse=True)
def quick_graphs(request):
    """Leave TensorFlow's graphs as they are: optimising them takes longer than the few steps of a test."""
    if request.node.get_closest_marker("train"):
        import tensorflow as tf

        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


@contextmanager
def eager_training():
    """Train without graphs: tracing one takes as long as twenty-five steps, and a test needs fewer.

    That the losses also work in a graph is tested by the segmenter in
    tests/pipeline/commands/training/test_training.py and the small network in
    tests/classify/training/test_training.py.
    """
    import keras

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.Model, "compile", partialmethod(keras.Model.compile, run_eagerly=True))
        yield


def make_chest(height=160, width=200, seed=0):
    """Return a chest made of ellipses in HU, float32, and its lungs, bool."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    y, x = (y - height / 2) / height, (x - width / 2) / width

    def ellipse(cy, cx, ry, rx):
        return ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 < 1

    hu = np.full((height, width), -1000.0)
    hu[ellipse(0, 0, 0.38, 0.45)] = 40
    lungs = ellipse(0.02, -0.19, 0.24, 0.14) | ellipse(0.02, 0.19, 0.24, 0.14)
    hu[lungs] = -830
    hu[ellipse(0.28, 0, 0.07, 0.05)] = 500
    hu += rng.normal(0, 20, hu.shape)
    return hu.astype(np.float32), lungs


@pytest.fixture
def chest():
    return make_chest()
