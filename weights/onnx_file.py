"""Refuse ONNX files that keep tensors in other files, before an engine opens them.

Engines open the files that such a network names, even by absolute path, and the checksum doesn't cover them. This
module walks the file's structure (protocol buffers, ``onnx.proto``) itself, because the base installation has no
library for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .errors import WeightsError

TENSOR = "tensor"

EXTERNAL_DATA, DATA_LOCATION, IN_ANOTHER_FILE = 13, 14, 1
"""Field numbers of a tensor, and the location value that means another file."""

INSIDE: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: TENSOR, 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: TENSOR, 6: "graph", 10: TENSOR, 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: TENSOR, 2: TENSOR},
    TENSOR: {},
}
"""Messages that may contain tensors, by field number."""

VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5
"""Wire types."""

DEEPEST = 64
"""Deepest nesting of messages: graphs can be inside attributes of graphs."""


def check_alone(content: bytes, name: str) -> None:
    """Refuse a network that isn't ONNX or keeps tensors in other files.

    Parameters
    ----------
    content : bytes
        The ONNX file.
    name : str
        Name for the error message.

    Raises
    ------
    WeightsError
    """
    try:
        external = _names_files(memoryview(content), "model", 0)
    except (IndexError, ValueError) as error:
        raise WeightsError(f"{name} is not an ONNX file, or is damaged ({error}). Export it again") from error
    if external:
        raise WeightsError(
            f"{name} keeps tensors in other files, which its checksum does not cover. Save it as a single file"
        )


def _names_files(message: memoryview, kind: str, depth: int) -> bool:
    if depth > DEEPEST:
        raise ValueError("graphs are nested too deeply")
    for field, value in _fields(message):
        if kind == TENSOR and (field == EXTERNAL_DATA or (field == DATA_LOCATION and value == IN_ANOTHER_FILE)):
            return True
        inside = INSIDE[kind].get(field)
        if inside and isinstance(value, memoryview) and _names_files(value, inside, depth + 1):
            return True
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and value of each field of a message."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        wire = key & 7
        if wire == VARINT:
            value, place = _varint(message, place)
            yield key >> 3, value
            continue
        if wire == BYTES:
            length, place = _varint(message, place)
        elif wire in (EIGHT_BYTES, FOUR_BYTES):
            length = 8 if wire == EIGHT_BYTES else 4
        else:
            raise ValueError(f"wire type {wire}")
        if place + length > len(message):
            raise ValueError("it is cut off")
        if wire == BYTES:
            yield key >> 3, message[place : place + length]
        place += length


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")
