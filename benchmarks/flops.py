"""Floating-point operations of a network, counted from its ONNX graph.

Multiplications and additions of convolutions and matrix products, each counted; the rest is a few per cent, and what
engines fuse or leave out. A convolution by a faster algorithm counts as if it were done directly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import onnx


def operations(model: onnx.ModelProto, shape: Sequence[int]) -> int:
    """Return how many operations a network needs for one input.

    Parameters
    ----------
    model : onnx.ModelProto
        With one input.
    shape : sequence of int
        Of the input.

    Raises
    ------
    ValueError
        When the shape of something it counts can't be inferred.
    """
    shapes = _shapes(model, shape)
    return sum(_of_node(node, shapes) for node in model.graph.node)


def accepts(model: onnx.ModelProto, shape: Sequence[int]) -> bool:
    """Tell whether a network was exported for inputs of this shape, or of any."""
    wanted = _dimensions(model.graph.input[0])
    return len(wanted) == len(shape) and all(want in (None, have) for want, have in zip(wanted, shape, strict=True))


def _of_node(node: onnx.NodeProto, shapes: dict[str, tuple[int | None, ...]]) -> int:
    def known(name: str) -> tuple[int, ...]:
        found = shapes.get(name)
        if found is None or None in found:
            raise ValueError(f"the shape of {name} in {node.op_type} {node.name} can't be inferred: {found}")
        return tuple(size for size in found if size is not None)

    if node.op_type == "Conv":  # each output value sums over one kernel: channels of its group, rows, columns
        return 2 * math.prod(known(node.output[0])) * math.prod(known(node.input[1])[1:])
    if node.op_type == "ConvTranspose":  # each input value is spread over one kernel
        return 2 * math.prod(known(node.input[0])) * math.prod(known(node.input[1])[1:])
    if node.op_type == "MatMul":
        return 2 * math.prod(known(node.output[0])) * known(node.input[0])[-1]
    if node.op_type == "Gemm":
        turned = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
        return 2 * math.prod(known(node.output[0])) * known(node.input[0])[0 if turned else 1]
    return 0


def _shapes(model: onnx.ModelProto, shape: Sequence[int]) -> dict[str, tuple[int | None, ...]]:
    """Return the shape of everything in the graph for an input of this shape."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    del fixed.graph.value_info[:]  # they may speak of another input
    for output in fixed.graph.output:
        output.type.tensor_type.ClearField("shape")
    given = fixed.graph.input[0].type.tensor_type.shape
    given.ClearField("dim")
    for size in shape:
        given.dim.add().dim_value = size
    graph = onnx.shape_inference.infer_shapes(fixed, data_prop=True).graph
    found = {value.name: _dimensions(value) for value in (*graph.input, *graph.value_info, *graph.output)}
    return found | {constant.name: tuple(constant.dims) for constant in graph.initializer}


def _dimensions(value: onnx.ValueInfoProto) -> tuple[int | None, ...]:
    return tuple(
        dimension.dim_value if dimension.HasField("dim_value") else None
        for dimension in value.type.tensor_type.shape.dim
    )
