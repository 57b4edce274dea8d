"""Floating-point operations of a network, counted from its ONNX graph.

Counts multiplications and additions of convolutions and matrix products. The rest is a few per cent, and engines fuse
or omit it. A convolution by a faster algorithm counts as if it were done directly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import onnx
import openvino


def operations(model: onnx.ModelProto, shape: Sequence[int]) -> int:
    """Return how many operations a network needs for one input.

    Parameters
    ----------
    model : onnx.ModelProto
        With one input. OpenVINO infers the inner shapes, because onnx itself fails on graphs for inputs of any size.
    shape : sequence of int
        Of the input.
    """
    graph = openvino.Core().read_model(model.SerializeToString())
    graph.reshape(list(shape))
    return sum(_of_operation(operation) for operation in graph.get_ops())


def accepts(model: onnx.ModelProto, shape: Sequence[int]) -> bool:
    """Tell whether a network was exported for inputs of this shape, or of any."""
    wanted = _dimensions(model.graph.input[0])
    return len(wanted) == len(shape) and all(want in (None, have) for want, have in zip(wanted, shape, strict=True))


def _of_operation(operation: Any) -> int:
    kind = operation.get_type_name()
    if kind not in ("Convolution", "GroupConvolution", "ConvolutionBackpropData", "MatMul"):
        return 0
    inputs = [tuple(source.get_shape()) for source in operation.input_values()]
    result = math.prod(operation.output(0).get_shape())
    if kind == "Convolution":  # each output value sums over one kernel: channels, rows, columns
        return 2 * result * math.prod(inputs[1][1:])
    if kind == "GroupConvolution":  # the same, of its own group
        return 2 * result * math.prod(inputs[1][2:])
    if kind == "ConvolutionBackpropData":  # transposed: each input value is spread over one kernel
        return 2 * math.prod(inputs[0]) * math.prod(inputs[1][1:])
    return 2 * result * inputs[0][-2 if operation.get_attributes()["transpose_a"] else -1]


def _dimensions(value: onnx.ValueInfoProto) -> tuple[int | None, ...]:
    return tuple(
        dimension.dim_value if dimension.HasField("dim_value") else None
        for dimension in value.type.tensor_type.shape.dim
    )
