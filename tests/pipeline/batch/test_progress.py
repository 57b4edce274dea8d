"""What people and programs are told while a batch runs."""

import io
import json
from types import SimpleNamespace

import pytest
from rich.console import Console

from lungct.pipeline.batch import progress as module
from lungct.pipeline.batch.progress import EVERY, Progress


@pytest.fixture
def clock(monkeypatch):
    """Return what is the time for progress: it goes on when a test says so."""
    clock = SimpleNamespace(now=100.0)
    clock.monotonic = clock.time = lambda: clock.now
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def out():
    return io.StringIO()


def test_lines_tell_how_far_it_is_what_failed_and_what_is_left(clock, out):
    progress = Progress(Console(file=out), "Predicting")
    with progress.over(total=100, before=20):
        clock.now += 1
        progress.step(None)
        clock.now += EVERY - 2
        progress.step("[b].png: damaged")
        clock.now += 1
        progress.step(None)
        clock.now += 1
        progress.step(None)
    assert out.getvalue().splitlines() == [
        "Predicting: 20 of 100, 0 failed, 0.0/s",
        "[b].png: damaged",
        "Predicting: 23 of 100, 1 failed, 0.3/s, 257 s left",  # of this run: 3 in 10 s
        "Predicting: 24 of 100, 1 failed, 0.4/s, 209 s left",
    ]


def test_json_is_a_line_for_every_event(clock, out):
    progress = Progress(Console(file=out, width=20), "Predicting", as_json=True)
    with progress.over(total=2, before=0):
        clock.now += 4
        progress.step(None)
        progress.step("ä.png: damaged")
    start, failed, end = map(json.loads, out.getvalue().splitlines())
    told = {"task": "Predicting", "total": 2}
    assert start == {"time": 100, "event": "start", "done": 0, "failed": 0, "rate": 0, "seconds_left": None, **told}
    assert failed == {"time": 104, "task": "Predicting", "event": "failed", "error": "ä.png: damaged"}
    assert end == {"time": 104, "event": "end", "done": 2, "failed": 1, "rate": 0.5, "seconds_left": 0, **told}


def test_a_terminal_shows_a_bar_and_errors_above_it(out):
    progress = Progress(Console(file=out, force_terminal=True, width=100, color_system=None), "Predicting")
    with progress.over(total=3, before=1):
        progress.step(None)
        progress.step("a.png: damaged")
    last = [line for line in out.getvalue().splitlines() if "Predicting" in line][-1]
    assert "3/3" in last
    assert "1 failed" in last
    assert "a.png: damaged" in out.getvalue()


def test_silence_says_nothing(capfd):
    progress = Progress.silent()
    with progress.over(total=1, before=0):
        progress.step("damaged")
    assert capfd.readouterr() == ("", "")
