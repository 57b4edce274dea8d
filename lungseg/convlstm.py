"""A convolutional LSTM of exactly two steps, which joins skip and upsampled features.

Shi et al. 2015, "Convolutional LSTM Network", arXiv 1506.04214. At the first step, Keras' own ConvLSTM2D convolves a
hidden state of zeros and applies a forget gate to an empty cell; this layer skips both. Gates and candidate are each a
convolution with an activation, which inference engines fuse. The weights have the layout of ConvLSTM2D's.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from ..weights.layout import channel_axis


class TwoStepConvLSTM(layers.Layer):  # type: ignore[misc] # Keras has no types
    """Read two feature maps as a sequence, and return the output after the second.

    Parameters
    ----------
    filters : int
        Number of channels of cell and output.
    **kwargs
        Passed to `keras.layers.Layer`.
    """

    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self._format = keras.config.image_data_format()
        self._axis = channel_axis()

    def build(self, input_shape: list[tuple[int | None, ...]]) -> None:
        """Create the weights for two inputs of this shape."""
        channels, gates = input_shape[0][self._axis], 4 * self.filters
        self.kernel = self.add_weight((3, 3, channels, gates), initializer="glorot_uniform", name="kernel")
        self.recurrent_kernel = self.add_weight(
            (3, 3, self.filters, gates), initializer="orthogonal", name="recurrent_kernel"
        )
        self.bias = self.add_weight((gates,), initializer=_remember, name="bias")

    def call(self, steps: list[Any]) -> Any:
        """Return the output after the second step, of the inputs' height and width."""
        first, second = steps
        # The cell is empty at the first step, so there is no recurrent convolution and no forget gate.
        input_gate, output_gate = ops.split(ops.sigmoid(self._convolve(first, self.kernel, "io")), 2, axis=self._axis)
        memory = input_gate * ops.tanh(self._convolve(first, self.kernel, "c"))
        output = output_gate * ops.tanh(memory)

        both = ops.concatenate([second, output], axis=self._axis)
        kernel = ops.concatenate([self.kernel, self.recurrent_kernel], axis=2)
        gates = ops.sigmoid(self._convolve(both, kernel, "ifo"))
        input_gate, forget_gate, output_gate = ops.split(gates, 3, axis=self._axis)
        memory = forget_gate * memory + input_gate * ops.tanh(self._convolve(both, kernel, "c"))
        return output_gate * ops.tanh(memory)

    def _convolve(self, x: Any, kernel: Any, parts: str) -> Any:
        """Convolve with some of the four parts of a kernel: input gate, forget gate, candidate, output gate."""
        kernel, bias = (self._take(array, parts) for array in (kernel, self.bias))
        shape = (1, -1, 1, 1) if self._format == "channels_first" else (1, 1, 1, -1)
        return ops.conv(x, kernel, padding="same", data_format=self._format) + ops.reshape(bias, shape)

    def _take(self, array: Any, parts: str) -> Any:
        starts = [self.filters * "ifco".index(part) for part in parts]
        return ops.concatenate([array[..., start : start + self.filters] for start in starts], axis=-1)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Return the inputs' shape with `filters` channels."""
        shape = list(input_shape[0])
        shape[self._axis] = self.filters
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "filters": self.filters}


def _remember(shape: tuple[int, ...], dtype: str | None = None) -> Any:
    """Initialise the bias with ones for the forget gates (Jozefowicz et al. 2015), and zeros for the rest."""
    zeros = ops.zeros((shape[0] // 4,), dtype)
    return ops.concatenate([zeros, zeros + 1, zeros, zeros])
