"""Quantise a trained network, so that its convolutions compute in int8."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .card import Card, read_verified
from .engines import load_onnxruntime

SAFE_EVERYWHERE = {
    # Use 7-bit weights: without VNNI, processors add 8-bit products in 16 bits, which overflows.
    "reduce_range": True,
    # Use one scale per filter: weights differ by orders of magnitude between filters.
    "per_channel": True,
}


def quantize(card: Card, inputs: Iterable[NDArray[np.float32]]) -> Card:
    """Write ``NAME-int8.onnx`` beside a card's network, and record its checksum in the card.

    Convolutions, which are nearly all of the work, compute in int8; the rest is unchanged. Both engines read the file.

    Parameters
    ----------
    card : Card
    inputs : iterable of ndarray of float32, shape (1, height, width, 1)
        Preprocessed training data, used to measure the value ranges of feature maps.

    Returns
    -------
    Card
        The updated card, or the given one if the network has no convolution.
    """
    import onnx

    load_onnxruntime()
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc] # ONNX Runtime has no types
        def __init__(self, name: str) -> None:
            self._batches = ({name: batch} for batch in inputs)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            return next(self._batches, None)

    with tempfile.TemporaryDirectory() as folder:
        source, prepared, made = (Path(folder) / name for name in ("source.onnx", "prepared.onnx", "made.onnx"))
        source.write_bytes(read_verified(card.path, card.sha256))
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        graph = onnx.load(prepared).graph
        convolutions = [node for node in graph.node if node.op_type == "Conv"]
        if not convolutions:
            return card
        quantize_static(
            str(prepared),
            str(made),
            Reader(graph.input[0].name),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=_delicate(convolutions),
            **SAFE_EVERYWHERE,
        )
        changed = replace(card, int8=card.write_beside(f"{card.name}-int8.onnx", made.read_bytes()))
    changed.write()
    return changed


def _delicate(convolutions: list[Any]) -> list[str]:
    """Return the convolutions with much to lose and little to gain: the first, the last, and depthwise ones."""
    by_channel = [node for node in convolutions if any(item.name == "group" and item.i > 1 for item in node.attribute)]
    return [node.name for node in [convolutions[0], *by_channel, convolutions[-1]]]
