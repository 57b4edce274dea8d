"""A volume that tests of DICOM share."""

import numpy as np
import pytest

from ...conftest import make_chest


@pytest.fixture(scope="module")
def volume():
    """Four distinguishable slices with integer HU."""
    return np.stack([np.rint(make_chest(64, 80, seed=index)[0] + index) for index in range(4)]).astype(np.float32)
