"""The shipped networks say of the examples what they said when shipped: `python -m tests.golden` remakes it."""

import json

import pytest

from .golden import EXAMPLES, KEPT, rows

GOLDEN = json.loads(KEPT.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def found(pipe):
    return rows(pipe)


@pytest.mark.parametrize("name", [path.name for path in EXAMPLES])
def test_examples_are_judged_as_they_were(found, name):
    kept, now = GOLDEN[name], found[name]
    assert (now["label"], now["warnings"]) == (kept["label"], kept["warnings"])
    assert now["probability"] == pytest.approx(kept["probability"], abs=0.01)
    assert now["lung_pixels"] == pytest.approx(kept["lung_pixels"], rel=0.01)


def test_nothing_else_is_kept():
    assert set(GOLDEN) == {path.name for path in EXAMPLES}
