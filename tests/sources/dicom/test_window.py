"""Windows in DICOM tags show what the standard says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from lungct.sources.dicom.window import Window

VALUES = np.linspace(-1200, 600, 240, dtype=np.float32).reshape(2, 10, 12)

EXACTLY = {
    "LINEAR": lambda x, c, w: np.clip((x - (c - 0.5)) / (w - 1) + 0.5, 0, 1),
    "LINEAR_EXACT": lambda x, c, w: np.clip((x - c) / w + 0.5, 0, 1),
    "SIGMOID": lambda x, c, w: expit(4 * (x - c) / w),
}


@pytest.mark.parametrize("function", EXACTLY)
@given(center=st.floats(-900, 300), width=st.floats(2, 2000))
@settings(max_examples=30, deadline=None)
def test_functions_are_those_of_the_standard(function, center, width):
    grey = VALUES.copy()
    Window(center, width, function).apply(grey)
    expected = EXACTLY[function](VALUES.astype(np.float64), center, width)
    np.testing.assert_allclose(grey, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("width", "function", "shows"),
    [(1, "LINEAR", False), (1.5, "LINEAR", True), (0.5, "LINEAR_EXACT", True), (0, "SIGMOID", False),
     (-400, "LINEAR", False), (400, "CUBIC", False)],
)  # fmt: skip
def test_windows_that_show_nothing_are_known(width, function, shows):
    assert Window(40.0, width, function).shows is shows
