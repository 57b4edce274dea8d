import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from benchmarks.speed import flops  # noqa: E402


def network(nodes, weights, shape=("n", 3, "h", "w")):
    constants = [numpy_helper.from_array(np.zeros(size, np.float32), name) for name, size in weights.items()]
    entry = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    end = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "test", [entry], [end], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)])


def test_convolution():
    model = network([helper.make_node("Conv", ["x", "w"], ["y"], pads=[1] * 4)], {"w": (8, 3, 3, 3)})
    assert flops.operations(model, (1, 3, 10, 12)) == 2 * (8 * 10 * 12) * (3 * 3 * 3)
    assert flops.operations(model, (4, 3, 10, 12)) == 4 * flops.operations(model, (1, 3, 10, 12))


def test_strided_convolution_without_padding():
    model = network([helper.make_node("Conv", ["x", "w"], ["y"], strides=[2, 2])], {"w": (8, 3, 3, 3)})
    assert flops.operations(model, (1, 3, 9, 9)) == 2 * (8 * 4 * 4) * 27


def test_depthwise_convolution_counts_only_its_own_channel():
    model = network([helper.make_node("Conv", ["x", "w"], ["y"], group=3, pads=[1] * 4)], {"w": (3, 1, 3, 3)})
    assert flops.operations(model, (1, 3, 10, 10)) == 2 * (3 * 10 * 10) * 9


def test_transposed_convolution_spreads_each_input_value():
    model = network([helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2])], {"w": (3, 5, 2, 2)})
    assert flops.operations(model, (1, 3, 7, 7)) == 2 * (3 * 7 * 7) * (5 * 2 * 2)


def test_matrix_products():
    shape = ("n", 6)
    assert (
        flops.operations(network([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": (6, 4)}, shape), (2, 6)) == 96
    )
    assert flops.operations(network([helper.make_node("Gemm", ["x", "w"], ["y"])], {"w": (6, 4)}, shape), (2, 6)) == 96


def test_layers_add_up_and_the_rest_is_free():
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["p"], pads=[1] * 4),
        helper.make_node("Relu", ["p"], ["q"]),
        helper.make_node("MaxPool", ["q"], ["r"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["r", "b"], ["y"]),
    ]
    model = network(nodes, {"a": (4, 3, 3, 3), "b": (1, 4, 1, 1)})
    assert flops.operations(model, (1, 3, 8, 8)) == 2 * 4 * 64 * 27 + 2 * 16 * 4


def test_accepted_inputs():
    free = network([helper.make_node("Relu", ["x"], ["y"])], {})
    fixed = network([helper.make_node("Relu", ["x"], ["y"])], {}, (1, 3, 8, 8))
    assert flops.accepts(free, (4, 3, 16, 16))
    assert not flops.accepts(free, (4, 1, 16, 16))
    assert flops.accepts(fixed, (1, 3, 8, 8))
    assert not flops.accepts(fixed, (2, 3, 8, 8))


def test_efficientnet_matches_its_paper():
    """Tan and Le 2019, table 2: 0.39 billion multiply-adds at 224 x 224."""
    from lungct.weights import CLASSIFIERS, load_card

    card = load_card(CLASSIFIERS["xray"])  # nothing but the backbone and a linear head
    assert card.architecture["backbone"] == "efficientnetb0"
    counted = flops.operations(onnx.load(card.path), (1, 224, 224, 1)) / 2
    assert counted == pytest.approx(0.39e9, rel=0.03)
