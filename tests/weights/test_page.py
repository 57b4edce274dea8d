"""Pages and JSON of evaluations."""

import json
import math

from lungct.weights.page import html_figure, html_table, write_json, write_page


def test_numbers_that_are_none_become_null_and_words_stay(tmp_path):
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
