"""Set the channel order: channels-last for training, inputs and outputs; channels-first inside shipped networks.

On CPUs, TensorFlow can only train channels-last. Inference engines compute channels-first, and would otherwise
transpose every feature map, which costs a fifth of the time. The weights are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def channel_axis() -> int:
    """Return the channel axis of feature maps under Keras' current setting."""
    import keras

    return 1 if keras.config.image_data_format() == "channels_first" else -1


@contextmanager
def channels_first() -> Iterator[None]:
    """Make Keras build channels-first networks, for inference, within this context."""
    import keras

    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        yield
    finally:
        keras.config.set_image_data_format(before)


def grey_input(size: int | None, name: str) -> tuple[Any, Any]:
    """Return a network's input, (batch, size, size, 1), and its first feature map; a size of None means any."""
    from keras import layers

    inputs = layers.Input((size, size, 1), name=name)
    return inputs, inputs if channel_axis() == -1 else layers.Permute((3, 1, 2), name="channels_first")(inputs)


def channels_last(features: Any) -> Any:
    """Convert a feature map to an output, (batch, rows, columns, channels)."""
    from keras import layers

    return features if channel_axis() == -1 else layers.Permute((2, 3, 1))(features)
