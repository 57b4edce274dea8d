import pytest

from benchmarks.common import timing
from benchmarks.common.sections import Section, text
from benchmarks.speed.targets import MET, MISSED, SHARE, UNKNOWN, judge

FIGURES = {
    "recipe_ms": 20_000.0,
    "pipeline_ms": 100.0,
    "lungmask_ms": 300.0,
    "segment_ms": 30.0,
    "keras_classifier_ms": 100.0,
    "keras_efficientnet_ms": 99.0,
    "classifier_ms": 5.0,
    "series_ms": 11.0,
    "scan_ms": 12.0,
    "bare_ms": 10.0,
    "cold_start_s": 0.9,
    f"{SHARE}segmenter, 256 x 256": 0.7,
    f"{SHARE}classifier, 224 x 224": 0.3,
}


def test_ratios_and_verdicts():
    rows = judge(FIGURES).rows
    assert [(row["measured"], row["verdict"]) for row in rows] == [
        ("200 x", MET),
        ("10.0 x", MISSED),
        ("20.0 x", MET),
        ("19.8 x", MISSED),
        ("1.10 x", MET),
        ("1.20 x", MISSED),
        ("0.70", MET),
        ("0.30", MISSED),
        ("0.90 s", MET),
        (None, UNKNOWN),
    ]
    assert rows[0]["from"] == "20,000 ms / 100 ms"


def test_without_measurements_no_target_is_met():
    assert {row["verdict"] for row in judge({}).rows} == {UNKNOWN}


def test_contenders_take_turns():
    calls = []
    contenders = [timing.Contender(name, lambda name=name: calls.append(name)) for name in "AB"]
    timings = timing.race(contenders, rounds=2, turn=1e-9)
    assert "".join(calls) == "AB" + "ABAB"
    assert [len(timings[name].seconds) for name in "AB"] == [2, 2]
    calls.clear()
    timing.race(contenders, rounds=1, turn=0)
    assert "".join(calls) == "AB"  # nothing is called before


def test_contenders_with_the_same_name_are_refused():
    with pytest.raises(ValueError, match="different names"):
        timing.race([timing.Contender("A", list)] * 2, rounds=1)


def test_times_are_per_slice():
    taken = timing.Timing(slices=2, seconds=[0.002, 0.004, 0.010])
    assert taken.ms == pytest.approx(2)
    assert taken.best == pytest.approx(1)
    assert taken.spread == pytest.approx({"median": 2, "low": 1.5, "high": 3.5, "n": 3})


def test_cells_and_tables():
    assert text({"median": 1234.5, "low": 12.34, "high": 0.5}) == "1,234 (12.3 to 0.50)"
    assert text(None) == ""
    section = Section("key", "Title", [{"a": 1, "b": "x|y"}, {"c": 0.001}], "Note.")
    assert section.columns == ["a", "b", "c"]
    assert (
        section.markdown()
        == "### Title\n\n| a | b | c |\n| --- | --- | --- |\n| 1 | x/y |  |\n|  |  | 1.0e-03 |\n\nNote.\n"
    )


def test_page_keeps_the_text_around_the_tables():
    plot = pytest.importorskip("benchmarks.plot")
    page = f"# Performance\n\nWords.\n\n{plot.BEGIN}\nold\n{plot.END}\n\nMore.\n"
    assert plot.filled(page, "new") == f"# Performance\n\nWords.\n\n{plot.BEGIN}\n\nnew\n{plot.END}\n\nMore.\n"
    with pytest.raises(ValueError, match="needs one line"):
        plot.filled("# Performance\n", "new")
