"""Every network trains for a step and gives one probability per pixel."""

import numpy as np
import pytest

from lungct.lungseg.architectures import ARCHITECTURES, build_network, build_unet

pytestmark = pytest.mark.train


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_probability_for_every_pixel(name):
    model = build_network(name, 64, 4)
    output = np.asarray(model(np.random.default_rng(0).random((1, 64, 64, 1), dtype=np.float32)))
    assert output.shape == (1, 64, 64, 1)
    assert 0 < output.min() <= output.max() < 1


def test_plain_unet_of_the_comparison_is_as_large_as_the_shipped_network():
    assert build_unet(32, 28).count_params() == pytest.approx(build_network(size=32).count_params(), rel=0.03)


def test_unknown_names_and_sizes_are_refused():
    with pytest.raises(ValueError, match="unknown network 'vnet'"):
        build_network("vnet")
    with pytest.raises(ValueError, match="multiple of 32"):
        build_network("sm-fpn", 72)
