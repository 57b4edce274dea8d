"""Logits become probabilities in their own type, without overflow."""

import numpy as np
import pytest
from scipy.special import expit

from lungct.common.sigmoid import sigmoid


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_the_logistic_function_in_the_own_type(dtype):
    logits = np.array([-1e30, -100, -3.5, 0, 0.25, 60, 1e30], dtype)
    with np.errstate(over="raise"):
        found = sigmoid(logits)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expit(np.clip(logits, -60, 60)), rtol=4 * np.finfo(dtype).eps)
    assert sigmoid(0.0) == 0.5
