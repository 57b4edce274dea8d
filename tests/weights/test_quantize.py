"""Networks in int8: which convolutions, how near, and that the card knows the file."""

import hashlib

import numpy as np
import pytest

from lungct.weights import Card, load_card, open_session
from lungct.weights.quantize import quantize

pytestmark = pytest.mark.train

CHANNELS = 8
CONVOLUTIONS = {"first": 1, "wide": CHANNELS, "by_channel": CHANNELS, "wider": CHANNELS, "last": CHANNELS}
"""Channels that each takes."""


def network(convolutions):
    """Return an ONNX network of convolutions, from pictures (n, 16, 16, 1) to (n, 1, 16, 16)."""
    import onnx
    from onnx import helper, numpy_helper

    rng = np.random.default_rng(0)
    nodes, weights = [helper.make_node("Transpose", ["input"], ["x0"], perm=[0, 3, 1, 2])], []
    for number, (name, channels) in enumerate(convolutions.items()):
        group = channels if name == "by_channel" else 1
        filters = 1 if name == "last" else CHANNELS
        kernel = rng.normal(0, 1 / np.sqrt(9 * channels / group), (filters, channels // group, 3, 3))
        weights.append(numpy_helper.from_array(kernel.astype(np.float32), f"kernel of {name}"))
        ends = [f"x{number}", weights[-1].name], [f"x{number + 1}"]
        nodes.append(helper.make_node("Conv", *ends, name=name, pads=[1, 1, 1, 1], group=group))
    shapes = [("input", ["n", 16, 16, 1]), (nodes[-1].output[0], None)]
    ends = [[helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)] for name, shape in shapes]
    graph = helper.make_graph(nodes, "small", *ends, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def card_of(model, folder):
    content = model.SerializeToString()
    (folder / "small.onnx").write_bytes(content)
    card = Card(
        name="small", version="1", task="a test", file="small.onnx", sha256=hashlib.sha256(content).hexdigest(),
        keras_file="small.npz", keras_sha256="none", architecture={}, preprocessing={}, decision={}, training_data=[],
        metrics={}, licence="none", folder=folder,
    )  # fmt: skip
    card.write()
    return card


def pictures(seed, count):
    return np.random.default_rng(seed).random((count, 1, 16, 16, 1), dtype=np.float32)


def test_wide_convolutions_compute_in_int8_and_answers_stay_near(tmp_path):
    import onnx

    card = quantize(card_of(network(CONVOLUTIONS), tmp_path), pictures(0, 20))
    assert load_card(tmp_path / "small.json") == card
    path, checksum = card.network("int8")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == checksum
    graph = onnx.load(path).graph
    rounded = {name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    found = {node.name for node in graph.node if node.op_type == "Conv" and node.input[1] in rounded}
    assert found == {"wide", "wider"}
    for engine in ("onnxruntime", "openvino"):
        right, near = (
            np.stack([open_session(card, engine, precision).run(picture)[0] for picture in pictures(1, 5)])
            for precision in ("f32", "int8")
        )
        assert 0 < np.abs(near - right).max() < 0.1 * np.abs(right).max()


def test_scales_are_of_each_filter_and_weights_of_seven_bits(tmp_path):
    import onnx
    from onnx import numpy_helper

    card = quantize(card_of(network(CONVOLUTIONS), tmp_path), pictures(0, 4))
    arrays = {one.name: numpy_helper.to_array(one) for one in onnx.load(card.network("int8")[0]).graph.initializer}
    weights = [array for array in arrays.values() if array.dtype == np.int8 and array.ndim == 4]
    assert len(weights) == 2
    assert max(np.abs(array).max() for array in weights) <= 64
    scales = [array for name, array in arrays.items() if name.startswith("kernel") and name.endswith("scale")]
    assert [scale.shape for scale in scales] == [(CHANNELS,)] * 2


def test_without_convolutions_there_is_nothing_to_quantize(tmp_path):
    card = card_of(network({}), tmp_path)
    assert quantize(card, pictures(0, 1)) is card
    assert {path.name for path in tmp_path.iterdir()} == {"small.onnx", "small.json"}
