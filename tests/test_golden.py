"""The shipped networks give the stored answers for the examples: `python -m tests.golden` regenerates them."""

import json

import pytest

from .golden import EXAMPLES, KEPT, rows

GOLDEN = json.loads(KEPT.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def found(pipe):
    return rows(pipe)


@pytest.mark.parametrize("name", [path.name for path in EXAMPLES])
def test_examples_get_the_same_answers_as_before(found, name):
    kept, now = GOLDEN[name], found[name]
    assert (now["label"], now["warnings"]) == (kept["label"], kept["warnings"])
    assert now["probability"] == pytest.approx(kept["probability"], abs=0.01)
    assert now["infected_fraction"] == pytest.approx(kept["infected_fraction"], abs=0.005)
    assert now["lung_pixels"] == pytest.approx(kept["lung_pixels"], rel=0.01)


def test_the_file_contains_nothing_else():
    assert set(GOLDEN) == {path.name for path in EXAMPLES}
