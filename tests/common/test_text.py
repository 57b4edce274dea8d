"""Untrusted text is safe in terminals, logs and tables."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from lungct.common.text import cell, printable, write_csv
from lungct.pipeline.commands.cli import app
from lungct.sources import SourceError, read_scan

HOSTILE = "x\x1b[2J\nfake row\r\u202egnp.png"


@given(st.text())
def test_printed_text_stays_on_its_line(text):
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert not any(ord(one) < 32 or 0x7F <= ord(one) < 0xA0 or 0xD800 <= ord(one) < 0xE000 for one in shown)
    assert printable(shown) == shown


def test_names_of_people_and_places_stay_as_they_are():
    assert printable("Müller 山田 x 'y'.dcm") == "Müller 山田 x 'y'.dcm"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-cmd", "'-cmd"),
        ("+x", "'+x"),
        ("-5", "-5"),
        ("+1.5e3", "+1.5e3"),
        ("a=b", "a=b"),
        (float("nan"), ""),
        (None, None),
        (0.5, 0.5),
        ("a\nb", "a\\nb"),
    ],
)
def test_cells_are_never_formulas(value, written):
    assert cell(value) == written


def test_tables_have_one_row_per_record_whatever_the_names_contain(tmp_path):
    write_csv(tmp_path / "t.csv", ("source", "n"), [{"source": HOSTILE, "n": 1}, {"source": "=x", "n": None}])
    lines = (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    assert [*csv.reader(lines)][2] == ["'=x", ""]
    assert "\x1b" not in lines[1]


def test_errors_and_tables_of_commands_show_hostile_names_as_text(tmp_path):
    with pytest.raises(SourceError) as caught:
        read_scan(tmp_path / HOSTILE)
    assert "\x1b" not in str(caught.value)
    assert "\n" not in str(caught.value)
    (tmp_path / HOSTILE).write_bytes(b"no picture")
    done = CliRunner().invoke(app, ["predict", str(tmp_path / HOSTILE), "--out", str(tmp_path / "out")])
    assert "\x1b[2J" not in done.output
    assert "\u202e" not in done.output
    rows = (tmp_path / "out" / "predictions.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 2
