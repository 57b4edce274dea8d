"""Templates: tables and figures in words, text escaped, nothing missed in silence."""

import math
import re

import pytest
from jinja2 import UndefinedError

from lungct.common.rendering import render

from ..conftest import ROOT
from ..import_graph import ROOMS


def page(**values):
    """Return the smallest page with tables and figures."""
    empty = {"title": "a page", "summary": [], "worst": [], "flags": [], "patients": []}
    return render("lungseg/evaluation/templates/report.html", **{**empty, **values})


def test_text_is_escaped_and_numbers_are_rounded():
    rows = [{"file_name": "<b>.png", "dice": 0.5}, {"file_name": "c", "dice": math.nan}]
    text = page(title="a & b", patients=rows, worst=[{"picture": '"x".png', "caption": "1 < 2"}])
    assert "<th>file name</th><th>dice</th>" in text
    assert "<tr><td>&lt;b&gt;.png</td><td>0.5000</td></tr>" in text
    assert "<tr><td>c</td><td></td></tr>" in text
    assert "<title>a &amp; b</title>" in text
    assert '<figure><img src="&#34;x&#34;.png" alt="1 &lt; 2"><figcaption>1 &lt; 2</figcaption></figure>' in text
    assert "<table>" not in page()


def test_figures_in_tables_come_with_their_intervals():
    known, unknown = {"value": 0.5, "interval": [0.25, 0.75]}, {"value": math.nan, "interval": [math.nan, math.nan]}
    text = page(patients=[{"auc": known, "f1": unknown, "none": None}])
    assert "<td>0.500 (0.250\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}0.750)</td><td></td><td></td>" in text


def test_a_value_that_a_template_misses_is_an_error():
    with pytest.raises(UndefinedError, match="'title' is undefined"):
        render("common/templates/base.html")


def test_nothing_switches_escaping_off():
    templates = [path for room in ROOMS for path in (ROOT / room).rglob("templates/*")]
    assert templates
    for path in templates:
        assert not re.search(r"\|\s*safe\b|autoescape", path.read_text(encoding="utf-8")), path
    for path in (path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        assert not re.search(r"\bMarkup\b|from html import", path.read_text(encoding="utf-8")), path
