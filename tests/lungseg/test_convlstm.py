"""The unrolled ConvLSTM equals that of Keras, step for step."""

import numpy as np
import pytest

pytestmark = pytest.mark.train


@pytest.mark.parametrize("go_backwards", [False, True])
def test_convlstm_equals_that_of_keras(go_backwards):
    import keras

    from lungct.lungseg.convlstm import TwoStepConvLSTM

    steps = np.random.default_rng(0).standard_normal((2, 2, 9, 7, 6)).astype(np.float32)
    theirs = keras.layers.ConvLSTM2D(3, 3, padding="same", go_backwards=go_backwards)
    expected = theirs(steps)
    ours = TwoStepConvLSTM(3)
    order = (1, 0) if go_backwards else (0, 1)
    inputs = [steps[:, index] for index in order]
    ours(inputs)
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(inputs), expected, atol=1e-6)
    assert ours.compute_output_shape([(None, 9, 7, 6)] * 2) == (None, 9, 7, 3)


def test_forget_gates_are_open_initially():
    import keras

    from lungct.lungseg.convlstm import TwoStepConvLSTM

    layer = TwoStepConvLSTM(2)
    layer.build([(None, 8, 8, 4)] * 2)
    np.testing.assert_array_equal(layer.bias, [0, 0, 1, 1, 0, 0, 0, 0])
    assert TwoStepConvLSTM.from_config(layer.get_config()).filters == 2
    assert keras.config.image_data_format() == "channels_last"
