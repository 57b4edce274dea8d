"""Pages and JSON of evaluations."""

import base64
import io
import json
import math

import numpy as np
from PIL import Image

from lungct.common.page import figure_in_words, html_figure, html_page, html_table, picture_uri, write_json, write_page


def test_nan_becomes_null_and_words_stay(tmp_path):
    write_json(tmp_path / "a.json", {"NaN": [math.nan, 1.5, {"x": (1, math.inf)}], "path": tmp_path, "none": None})
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "NaN": [None, 1.5, {"x": [1, None]}], "path": str(tmp_path), "none": None,
    }  # fmt: skip


def test_page_escapes_names(tmp_path):
    table = html_table([{"file_name": "<b>.png", "dice": 0.5}, {"file_name": "c", "dice": math.nan}])
    page = write_page(tmp_path / "page.html", "a & b", [table, html_figure("x.png", "1 < 2", wide=True)])
    text = page.read_text()
    assert "&lt;b&gt;.png" in text
    assert "<td>0.5000</td>" in text
    assert "<td></td>" in text
    assert "a &amp; b" in text
    assert "1 &lt; 2" in text
    assert html_table([]) == ""


def test_page_can_embed_its_pictures():
    grey = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    address = picture_uri(grey, "PNG")
    kind, content = address.split(",")
    assert kind == "data:image/png;base64"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(content)))), np.asarray(grey))
    assert f'src="{address}"' in html_page("a", [html_figure(address, "grey")])


def test_figures_come_with_their_intervals():
    known, unknown = {"value": 0.5, "interval": [0.25, 0.75]}, {"value": math.nan, "interval": [math.nan, math.nan]}
    assert figure_in_words(known) == "0.500 (0.250 to 0.750)"
    assert figure_in_words({"value": 0.7, "interval": None}) == "0.700 (no interval)"
    assert figure_in_words({"value": 0.0004, "interval": [0, 0.00123]}) == "0.00040 (0.000 to 0.001)"
    table = html_table([{"auc": known, "f1": unknown, "none": None}])
    assert "<td>0.500 (0.250\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}0.750)</td><td></td><td></td>" in table
