"""Post-training quantisation: a network whose convolutions compute in int8."""

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
    # Weights in seven bits: processors without VNNI add products of eight bits in sixteen, and overflow.
    "reduce_range": True,
    # A scale for each filter: those of a network differ by orders of magnitude.
    "per_channel": True,
}


def quantize(card: Card, inputs: Iterable[NDArray[np.float32]]) -> Card:
    """Write ``NAME-int8.onnx`` beside a card's network, and its checksum into the card.

    Convolutions, where nearly all work is, compute in int8; the rest stays as it is. Both engines read the file.

    Parameters
    ----------
    card : Card
    inputs : iterable of ndarray of float32, shape (1, height, width, 1)
        As the network gets them, of training data: the ranges of its features are measured on them.

    Returns
    -------
    Card
        As given where the network has no convolution.
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
    """Return the names of those that lose most and work least: the first, the last, and each that goes by channel."""
    by_channel = [node for node in convolutions if any(item.name == "group" and item.i > 1 for item in node.attribute)]
    return [node.name for node in [convolutions[0], *by_channel, convolutions[-1]]]
