"""Two engines, one answer."""

import threading

import numpy as np
import pytest

from lungct.weights import CLASSIFIER, SEGMENTER, WeightsError, load_card, open_session


def random_input(card, seed=0):
    size = card.preprocessing["size"]
    return np.random.default_rng(seed).random((1, size, size, 1), dtype=np.float32)


@pytest.mark.parametrize("name", [SEGMENTER, CLASSIFIER])
def test_engines_agree(name):
    pytest.importorskip("onnxruntime", reason="needs pip install 'lungct[onnxruntime]'")
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


def test_unknown_and_missing_engines_are_named(monkeypatch):
    card = load_card(SEGMENTER)
    with pytest.raises(ValueError, match="engine must be one of"):
        open_session(card, "tensorrt")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"pip install 'lungct\[onnxruntime\]'"):
        open_session(card, "onnxruntime")
