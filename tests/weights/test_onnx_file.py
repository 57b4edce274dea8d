"""Untrusted networks: those that name other files, or are not networks, are refused before an engine loads them."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungct.weights import RECOGNIZER, SEGMENTER, WeightsError, load_card, open_session
from lungct.weights.onnx_file import check_alone

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402


def external(location="/etc/passwd"):
    tensor = TensorProto(name="w", data_type=TensorProto.UINT8, dims=[8], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    return tensor


def model(tensors=(), nodes=None):
    nodes = nodes or [helper.make_node("Identity", ["x"], ["y"])]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], initializer=list(tensors))
    return helper.make_model(graph).SerializeToString()


def inside_a_graph():
    branch = helper.make_graph([], "b", [], [], initializer=[external()])
    return model(nodes=[helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)])


WAYS = {
    "initializer": lambda: model([external()]),
    "relative": lambda: model([external("weights.bin")]),
    "attribute": lambda: model(nodes=[helper.make_node("Constant", [], ["y"], value=external())]),
    "inner graph": inside_a_graph,
}


@pytest.mark.parametrize("way", list(WAYS))
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_tensors_in_other_files_are_refused(tmp_path, way, engine):
    content = WAYS[way]()
    (tmp_path / "own.onnx").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    card = replace(load_card(RECOGNIZER), folder=tmp_path, file="own.onnx", sha256=digest)
    with pytest.raises(WeightsError, match="keeps tensors in other files"):
        open_session(card, engine)


def test_self_contained_networks_pass():
    check_alone(model([numpy_helper.from_array(np.arange(8.0), "w")]), "x")
    for name in (SEGMENTER, RECOGNIZER):
        check_alone(load_card(name).path.read_bytes(), name)


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_noise_is_refused_or_passes_and_nothing_else(noise):
    try:
        check_alone(noise, "noise")
    except WeightsError as error:
        assert "noise" in str(error)  # noqa: PT017 - either may happen


def test_deeply_nested_graphs_are_refused():
    content = b""
    for _ in range(200):  # an attribute of a node of a graph of an attribute …
        for field in (6, 5, 1):
            length = len(content)
            size = bytes([length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14])
            content = bytes([field << 3 | 2]) + size + content
    with pytest.raises(WeightsError, match="too deep"):
        check_alone(bytes([7 << 3 | 2]) + bytes([len(content) & 0x7F | 0x80, len(content) >> 7]) + content, "x")


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_garbage_with_the_right_checksum_is_a_weights_error(tmp_path, engine):
    for content in (b"garbage" * 100, model()[:40], b""):
        (tmp_path / "own.onnx").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        card = replace(load_card(RECOGNIZER), folder=tmp_path, file="own.onnx", sha256=digest)
        with pytest.raises(WeightsError, match=r"own\.onnx"):
            open_session(card, engine)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/b", ".hidden", "x" * 300, "x\n", 5])
def test_names_in_cards_stay_in_their_folder(name):
    with pytest.raises(WeightsError, match="not a plain file name"):
        replace(load_card(RECOGNIZER), name=name)
    with pytest.raises(WeightsError, match="not a plain file name"):
        replace(load_card(RECOGNIZER), int8={"file": name, "sha256": ""})
