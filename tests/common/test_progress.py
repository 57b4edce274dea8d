"""A bar on a terminal; elsewhere nothing but the items."""

import io

from rich.console import Console

from lungct.common import progress


def test_items_come_through_and_only_terminals_see_a_bar(monkeypatch, capfd):
    assert list(progress.with_progress((n for n in range(3)), "Reading", 3)) == [0, 1, 2]
    assert capfd.readouterr() == ("", "")
    shown = io.StringIO()
    monkeypatch.setattr(progress, "Console", lambda stderr: Console(file=shown, force_terminal=True))
    assert list(progress.with_progress([4, 5], "Reading")) == [4, 5]
    assert "Reading" in shown.getvalue()
    assert "100%" in shown.getvalue()
