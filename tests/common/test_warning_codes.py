"""The table of warning codes: documented completely, and without unused codes."""

import ast

from lungct.common.warning_codes import CODES, codes_of, warning_in_words
from lungct.lungseg import FLAGS
from lungct.sources import WARNINGS

from ..conftest import ROOT
from ..import_graph import files


def test_the_documentation_contains_the_table():
    page = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    rows = [f"| `{code}` | {known.meaning} | {known.remedy} |".replace("|  |", "| |") for code, known in CODES.items()]
    assert "\n".join(rows) in page


def test_every_code_is_emitted_somewhere():
    given = set()
    for path in files():
        if path.as_posix() != "common/warning_codes.py":
            tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            given |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert not set(CODES) - given


def test_texts_are_sentences_and_unknown_codes_are_returned_unchanged():
    assert all(known.meaning.endswith(".") and not known.words.endswith(" ") for known in CODES.values())
    assert warning_in_words("one-lung").startswith("Only one lung was found. Check whether")
    assert warning_in_words("inverted") == CODES["inverted"].meaning
    assert warning_in_words("new-code") == "new-code"


def test_codes_have_the_order_of_the_table():
    assert codes_of("lungs") == FLAGS
    assert codes_of("reading") == WARNINGS
    assert {code for origin in ("answer", "lungs", "reading", "preprocess") for code in codes_of(origin)} == set(CODES)
