"""Figures in words, pictures and JSON of evaluations."""

import base64
import io
import json
import math

import numpy as np
from PIL import Image

from lungct.common.page import figure_in_words, picture_uri, write_json


def test_nan_becomes_null_and_words_stay(tmp_path):
    write_json(tmp_path / "a.json", {"NaN": [math.nan, 1.5, {"x": (1, math.inf)}], "path": tmp_path, "none": None})
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "NaN": [None, 1.5, {"x": [1, None]}], "path": str(tmp_path), "none": None,
    }  # fmt: skip


def test_image_uri_holds_the_image():
    grey = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    address = picture_uri(grey, "PNG")
    kind, content = address.split(",")
    assert kind == "data:image/png;base64"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(content)))), np.asarray(grey))


def test_figures_come_with_their_intervals():
    assert figure_in_words({"value": 0.5, "interval": [0.25, 0.75]}) == "0.500 (0.250 to 0.750)"
    assert figure_in_words({"value": 0.7, "interval": None}) == "0.700 (no interval)"
    assert figure_in_words({"value": 0.0004, "interval": [0, 0.00123]}) == "0.00040 (0.000 to 0.001)"
    assert figure_in_words({"value": math.nan, "interval": [math.nan, math.nan]}) == ""
