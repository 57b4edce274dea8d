"""Phrases that native readers stumble over are in no text of the repository."""

import re
import subprocess

import pytest

from .conftest import ROOT

STUMBLING = {  # the pattern, and a text that it finds: put together here, so that this file doesn't contain it
    "stand in": (r"stands?{gap}in", "stands" + " in the card"),
    "gone on": (r"gone{gap}on", "killed and gone" + "\n    # on with"),
    "from which on": (r"from{gap}which{gap}on", "the probability from" + " which on it is COVID"),
    "so are so": (r"so{gap}are{gap}so", "of those called so" + "\nare so"),
}
GAP = r"\s+(?:#\s*)?"
"""Blanks, or the end of a line and the beginning of a comment's next one."""


def pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"\b{STUMBLING[name][0].format(gap=GAP)}\b", re.IGNORECASE)


def texts() -> dict[str, str]:
    """Return every tracked text file by its path."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)  # noqa: S607
    contents = {name: ROOT / name for name in listed.stdout.decode().split("\0") if name}
    found = {name: path.read_bytes() for name, path in contents.items() if path.is_file()}
    return {name: content.decode() for name, content in found.items() if _is_text(content)}


def _is_text(content: bytes) -> bool:
    try:
        return "\0" not in content.decode()
    except UnicodeDecodeError:
        return False


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout: which files are tracked is unknown")
@pytest.mark.parametrize("name", STUMBLING)
def test_no_text_has_the_phrase(name):
    files = texts()
    assert {"README.md", "pyproject.toml", "tests/test_words.py"} <= set(files)
    places = {
        f"{file}:{text.count(chr(10), 0, hit.start()) + 1}"
        for file, text in files.items()
        for hit in pattern(name).finditer(text)
    }
    assert not places


@pytest.mark.parametrize("name", STUMBLING)
def test_the_phrase_would_be_found(name):
    assert pattern(name).search(STUMBLING[name][1])
    assert not pattern(name).search("it understands inputs, goes on, and stands for what it is")
