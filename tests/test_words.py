"""Check that no text of the repository contains these phrases, which are not English."""

import re
import subprocess

import pytest

from .conftest import ROOT

PHRASES = ("stands? in", "gone on", "from which on", "so are so")
GAP = r"\s+(?:#\s*)?"
"""Blanks, or the end of a line and the beginning of a comment's next one."""


def places(phrase: str, text: str) -> list[int]:
    """Return the lines of a text that contain a phrase, also where it is wrapped."""
    pattern = re.compile(rf"\b{phrase.replace(' ', GAP)}\b", re.IGNORECASE)
    return [text.count("\n", 0, hit.start()) + 1 for hit in pattern.finditer(text)]


def texts() -> dict[str, str]:
    """Return every tracked text file except this one, by its path."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)  # noqa: S607
    found = {}
    for name in filter(None, listed.stdout.decode().split("\0")):
        path = ROOT / name
        content = path.read_bytes() if path.is_file() and name != "tests/test_words.py" else b"\0"
        if b"\0" not in content:
            found[name] = content.decode(errors="replace")
    return found


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout, so the tracked files are unknown")
@pytest.mark.parametrize("phrase", PHRASES)
def test_no_text_has_the_phrase(phrase):
    files = texts()
    assert {"README.md", "docs/service.md", "setup.cfg", "tests/conftest.py", "Makefile"} <= set(files)
    found = [f"{name}:{line}" for name, text in files.items() for line in places(phrase, text)]
    assert not found, "\n".join(found)


def test_phrases_are_found_wherever_they_are_wrapped():
    assert places("stands? in", "It stands in\nthe card.") == [1]
    assert places("gone on", "Killed and gone\n    # on with, gone  ON") == [1, 2]
    assert places("so are so", "said to be so\nare so") == [1]
    assert not places("stands? in", "It understands inputs; a stand-in.")
