"""Two engines, one answer."""

import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest

from lungct.common.optional import MissingPackageError
from lungct.weights import CLASSIFIER, SEGMENTER, WeightsError, load_card, open_session
from lungct.weights.engines import choose_engine


def random_input(card, seed=0):
    size = card.preprocessing["size"]
    return np.random.default_rng(seed).random((1, size, size, 1), dtype=np.float32)


@pytest.mark.parametrize("name", [SEGMENTER, CLASSIFIER])
def test_engines_agree(name):
    card = load_card(name)
    inputs = random_input(card)
    ours, theirs = (open_session(card, engine).run(inputs) for engine in ("openvino", "onnxruntime"))
    assert [output.shape for output in ours] == [output.shape for output in theirs]
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_session_serves_threads_without_mixing_them_up():
    card = load_card(CLASSIFIER)
    session = open_session(card)
    inputs = [random_input(card, seed) for seed in range(4)]
    expected = [session.run(item)[0] for item in inputs]
    found = [None] * 4

    def work(index):
        for _ in range(3):
            found[index] = session.run(inputs[index])[0]

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_allclose(np.stack(found), np.stack(expected), atol=1e-6)


def test_first_arrays_of_several_threads_cause_no_deadlock():
    """OpenVINO's bindings, if first initialised in several threads, hang nine times out of ten here."""
    code = """
import sys, threading
import numpy as np
from lungct.weights import SEGMENTER, load_card, open_session
session = open_session(load_card(SEGMENTER), "openvino", threads=4, streams=4)
sys.setswitchinterval(1e-6)
import openvino
together = threading.Barrier(4)
def work():
    together.wait()
    openvino.Type.f32.to_dtype()  # what every run begins with
threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""
    for _ in range(3):
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_any_size_and_batch():
    """One file is used for both looks of the first stage, and for batches."""
    card = load_card(CLASSIFIER)
    inputs = np.random.default_rng(0).random((3, 128, 96, 1), dtype=np.float32)
    for engine in ("openvino", "onnxruntime"):
        session = open_session(card, engine)
        together = session.run(inputs)[0]
        alone = [session.run(one[None])[0][0] for one in inputs]
        np.testing.assert_allclose(together, alone, atol=1e-4)


def test_auto_is_onnx_runtime_and_for_bf16_openvino():
    assert choose_engine("auto") == choose_engine("auto", "int8") == "onnxruntime"
    assert choose_engine("auto", "bf16") == "openvino"
    assert choose_engine("openvino") == "openvino"


def test_openvino_runs_without_its_telemetry():
    code = "import sys; from lungct.weights.engines import load_openvino; load_openvino().Core(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "openvino" in loaded
    assert not [name for name in loaded if name.startswith("openvino_telemetry.")]
    assert "openvino.tools.ovc.telemetry_stub" in loaded


def test_unknown_and_missing_engines_and_precisions_are_named(monkeypatch):
    card = load_card(SEGMENTER)
    with pytest.raises(ValueError, match="engine must be one of"):
        open_session(card, "tensorrt")
    with pytest.raises(ValueError, match="precision must be one of"):
        open_session(card, precision="f64")
    with pytest.raises(WeightsError, match="bf16"):
        open_session(card, "onnxruntime", "bf16")
    with pytest.raises(WeightsError, match="no int8 network"):
        open_session(replace(card, int8={}), precision="int8")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"The engine onnxruntime needs onnxruntime\. Run: pip install onnxr"):
        open_session(card, "onnxruntime")
    with pytest.raises(MissingPackageError, match=r"The engine openvino needs openvino\. .*\[openvino\]"):
        open_session(card, "openvino")
