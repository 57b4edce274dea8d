"""Inputs that end their process become a row with an error on the next run, and nothing else is lost."""

import subprocess
import sys

import pyarrow.parquet
import pytest

from lungct.pipeline.batch import BatchSettings, StoreError, alone, run_batch
from lungct.pipeline.batch.alone import work_alone
from lungct.pipeline.batch.journal import Store
from lungct.pipeline.batch.listing import Item
from lungct.pipeline.batch.predictor import Predictor

from ...conftest import SLICES

DEADLY = """
import os, signal
class Deadly:
    def __call__(self, item, work):
        if "bad" in item.name:
            os.kill(os.getpid(), signal.SIGSEGV)
        if "full" in item.name:
            raise OSError(28, "No space left on device")
        return [{"source": item.name}]
"""

RUN = """
from pathlib import Path
from deadly import Deadly
from lungct.pipeline.batch.job import run_job
from lungct.pipeline.batch.listing import Item
from lungct.pipeline.batch.progress import Progress
from lungct.pipeline.batch.journal import Store
names = [f"{number}.png" for number in range(6)] + ["bad.png"] + [f"{number}.png" for number in range(6, 12)]
items = [Item(f"{place:020x}", Path(name)) for place, name in enumerate(names)]
columns = {"key": "string", "source": "string", "error": "string"}
with Store(Path(sys.argv[1]), columns) as store:
    counts = run_job(items, Deadly(), store, Progress.silent(), 2)
print(counts.before, counts.done, counts.failed)
"""

COLUMNS = {"key": "string", "source": "string", "error": "string"}


@pytest.fixture
def deadly(tmp_path, monkeypatch):
    (tmp_path / "deadly.py").write_text(DEADLY)
    monkeypatch.syspath_prepend(tmp_path)
    import deadly

    yield deadly.Deadly()
    del sys.modules["deadly"]


def run(tmp_path):
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}){RUN}"
    return subprocess.run([sys.executable, "-c", code, tmp_path / "out"], capture_output=True, text=True, check=False)


def test_an_input_that_ended_the_process_is_a_row_on_the_next_run(tmp_path, deadly):
    assert run(tmp_path).returncode == -11
    again = run(tmp_path)
    assert again.returncode == 0, again.stderr
    before, done, failed = map(int, again.stdout.split())
    assert (before + done, failed) == (13, 1)
    table = pyarrow.parquet.read_table(tmp_path / "out" / "predictions").to_pylist()
    rows = {row["source"]: row["error"] for row in table}
    assert len(rows) == len(table) == 13
    assert rows.pop("bad.png").startswith("bad.png: crashed its process (signal 11)")
    assert set(rows.values()) == {None}
    assert run(tmp_path).stdout.split() == ["13", "0", "1"]


def test_exceptions_of_the_work_stop_the_isolated_job_too(tmp_path, deadly):
    with pytest.raises(OSError, match="No space left"):
        work_alone(deadly, Item("0", tmp_path / "full.png"), tmp_path)


def test_an_incomplete_answer_is_a_row_with_an_error(tmp_path, deadly, monkeypatch):
    def cut_off(process, packed):
        process.kill()
        process.wait()
        return b"\x80\x05"

    monkeypatch.setattr(alone, "_exchange", cut_off)
    (row,) = work_alone(deadly, Item("0", tmp_path / "0.png"), tmp_path)
    assert "crashed its process (signal 9)" in row["error"]


def test_isolated_work_gives_the_same_row(tmp_path, pipe):
    item = Item("0" * 20, SLICES / "covid19-ny-sbu-A002304.png")
    work = Predictor(pipe, tmp_path, BatchSettings())
    (here,), (there,) = work(item, tmp_path), work_alone(work, item, tmp_path)
    times = {"read_ms", "predict_ms", "write_ms"}
    assert {name: here[name] for name in here.keys() - times} == {name: there[name] for name in there.keys() - times}


def test_damaged_results_are_named_and_can_be_discarded(tmp_path, covid_slice):
    run_batch([covid_slice], tmp_path)
    (part,) = (tmp_path / "predictions").glob("*.parquet")
    part.write_bytes(part.read_bytes()[:100] + bytes(100))
    with pytest.raises(StoreError, match=r"parquet is damaged .* Remove it; its inputs will be processed again"):
        run_batch([covid_slice], tmp_path)
    assert run_batch([covid_slice], tmp_path, redo=True).done == 1


@pytest.mark.parametrize("damage", [b"[]\n", b"\0" * 50 + b"\n", b"7\n", b'[{"source": 1}]\n', b'{"key": "a"}\n'])
def test_a_damaged_line_of_the_journal_affects_no_other(tmp_path, damage):
    home = tmp_path / ".lungct" / "predictions-1of1"
    home.mkdir(parents=True)
    first, second = (f'[{{"key": "{key}", "source": "{key}"}}]\n'.encode() for key in "ab")
    (home / "journal.jsonl").write_bytes(first + damage + second + b"torn")
    with Store(tmp_path, COLUMNS) as store:
        assert store.done == {"a", "b"}
        store.add("c", [{"source": "c"}])
    rows = pyarrow.parquet.read_table(tmp_path / "predictions").to_pylist()
    assert [row["key"] for row in rows] == ["a", "b", "c"]
