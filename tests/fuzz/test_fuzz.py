"""A short run of the fuzzer; `python -m tests.fuzz.run 100000` is the long one."""

from lungct.sources import read_scan

from .headers import GRAMMARS
from .run import Damaged, read_damaged
from .seeds import write_seeds


def test_damaged_files_raise_nothing_but_source_error(tmp_path):
    for file in write_seeds(tmp_path / "seeds"):
        read_scan(file)
    for number, file in enumerate(write_seeds(tmp_path / "seeds")):
        outcomes, slowest, findings = read_damaged((Damaged(file), number * 1000, 60, tmp_path))
        assert not findings
        assert sum(outcomes.values()) == 60
        assert slowest < 5


def test_generated_headers_are_read_or_refused(tmp_path):
    for maker in GRAMMARS:
        outcomes, slowest, findings = read_damaged((maker, 0, 150, tmp_path))
        assert not findings
        assert outcomes["read"] > 30
        assert outcomes["refused"] > 30
        assert slowest < 5
    assert list(tmp_path.iterdir()) == []
