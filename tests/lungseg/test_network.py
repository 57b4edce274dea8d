"""BCD U-Net: the parts of the paper are present in every variant."""

import numpy as np
import pytest

from lungct.lungseg import build_bcdunet

pytestmark = pytest.mark.train


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


@pytest.mark.parametrize("dense_blocks", [1, 3])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_network_has_the_parts_of_the_paper(dense_blocks, bidirectional):
    model = build_bcdunet(32, 4, dense_blocks, bidirectional)
    found = kinds(model)
    assert found.count("TwoStepConvLSTM") == (6 if bidirectional else 3)
    assert found.count("BatchNormalization") == 3
    assert found.count("Conv2DTranspose") == 3
    assert found.count("Dropout") == dense_blocks
    assert model.output_shape == (None, 32, 32, 1)
    joins = [layer for layer in model.layers if layer.name.startswith("dense") and layer.name.endswith("_join")]
    # The second block reads only the first, the third reads both before it.
    assert [join.output.shape[-1] for join in joins] == ([2 * 32] if dense_blocks == 3 else [])
    # Backward reads the upsampled features first, forward the skip.
    for layer in model.layers:
        if layer.name.startswith("join") and layer.name.endswith(("_backward", "_forward")):
            first, second = ("up", "encoder") if layer.name.endswith("_backward") else ("encoder", "up")
            assert [
                read._keras_history.operation.name.startswith(name)
                for read, name in zip(layer.input, (first, second), strict=True)
            ] == [True, True]


def test_stride_two_sees_four_times_as_much_for_little_more():
    plain, halving = build_bcdunet(32, 4), build_bcdunet(64, 4, stride=2)
    assert halving.output_shape == (None, 64, 64, 1)
    assert halving.get_layer("encoder0_b").output.shape[1:3] == (32, 32)
    assert halving.count_params() < 1.01 * build_bcdunet(64, 4).count_params() + 2000
    assert plain.count_params() == build_bcdunet(None, 4).count_params()


def test_network_has_the_size_of_the_paper():
    """The authors' published D3 network, base 64 and one direction, has 20.66 million parameters."""
    assert build_bcdunet(256, 64, 3, bidirectional=False).count_params() == pytest.approx(20.66e6, rel=0.01)


def test_weights_fit_every_input_size():
    small, large = build_bcdunet(16, 2), build_bcdunet(40, 2)
    large.set_weights(small.get_weights())
    output = np.asarray(large(np.random.default_rng(0).random((1, 40, 40, 1), dtype=np.float32)))
    assert output.shape == (1, 40, 40, 1)
    assert 0 < output.min() <= output.max() < 1


@pytest.mark.parametrize("arguments", [(30, 4), (0, 4), (32, 3), (32, 4, 0), (24, 4, 3, True, 2), (32, 4, 3, True, 3)])
def test_impossible_shapes_are_refused(arguments):
    with pytest.raises(ValueError, match="must be"):
        build_bcdunet(*arguments)
