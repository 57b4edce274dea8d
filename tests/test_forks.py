"""Forked children, pickles and copies: networks and decoders work in them, and nothing hangs."""

import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from lungct import Pipeline

from .conftest import SLICES
from .sources import attacks
from .sources.dicom.dicom_files import slice_file

PICTURE = SLICES / "covid19-ny-sbu-A002304.png"

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")

DECODING = """
import os, sys, threading, time
from lungct.sources import read_scan
path = sys.argv[1]
whole = read_scan(path).pixels.sum()
def read():
    while True:
        read_scan(path)
for _ in range(2):
    threading.Thread(target=read, daemon=True).start()
time.sleep(0.2)
for _ in range(12):
    time.sleep(0.03)
    child = os.fork()
    if child == 0:
        os._exit(0 if read_scan(path).pixels.sum() == whole else 3)
    for _ in range(200):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            assert status == 0, status
            break
        time.sleep(0.05)
    else:
        os.kill(child, 9)
        sys.exit("a child hung")
os._exit(0)
"""

PREDICTING = """
import os, sys, time
from lungct import Pipeline
pipe = Pipeline.from_pretrained(engine=sys.argv[2])
before = pipe.predict(sys.argv[1]).probability
child = os.fork()
if child == 0:
    os._exit(0 if abs(pipe.predict(sys.argv[1]).probability - before) < 1e-4 else 3)
for _ in range(600):
    ended, status = os.waitpid(child, os.WNOHANG)
    if ended:
        sys.exit(status)
    time.sleep(0.05)
os.kill(child, 9)
sys.exit("the child hung")
"""


def run(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@needs_fork
def test_children_decode_while_threads_of_the_parent_do(tmp_path):
    from pydicom.uid import JPEG2000Lossless, generate_uid

    hu = np.random.default_rng(0).normal(-500, 300, (256, 256)).round()
    data = slice_file(hu, series=generate_uid())
    data.compress(JPEG2000Lossless)
    (tmp_path / "x.dcm").write_bytes(attacks.saved(data))
    run(DECODING, tmp_path / "x.dcm")


@needs_fork
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_used_pipeline_predicts_in_a_child(engine):
    pytest.importorskip(engine)
    run(PREDICTING, PICTURE, engine)


def test_pickled_pipelines_open_their_networks_on_arrival(pipe):
    before = pipe.predict(PICTURE)
    packed = pickle.dumps(pipe)
    assert len(packed) < 1_000_000  # contains no network
    arrived = pickle.loads(packed)  # noqa: S301 - packed here
    for other in (arrived, copy.deepcopy(pipe)):
        assert isinstance(other, Pipeline)
        after = other.predict(PICTURE)
        assert after.probability == before.probability
        assert other.provenance == pipe.provenance
        np.testing.assert_array_equal(after.lung_mask, before.lung_mask)
