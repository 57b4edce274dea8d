"""A short run of the fuzzer; `python -m tests.fuzz.run 100000` is the long one."""

from lungct.sources import read_scan

from .run import read_damaged
from .seeds import write_seeds


def test_damaged_files_raise_nothing_but_source_error(tmp_path):
    for file in write_seeds(tmp_path / "seeds"):
        read_scan(file)
    for number, file in enumerate(write_seeds(tmp_path / "seeds")):
        outcomes, slowest, findings = read_damaged((file, number * 1000, 60, tmp_path))
        assert not findings
        assert sum(outcomes.values()) == 60
        assert slowest < 5
