"""A batch's rows: whenever the process dies, each input's rows exist exactly once."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungct.pipeline.batch import journal as module
from lungct.pipeline.batch.journal import Store
from lungct.pipeline.batch.listing import Item
from lungct.pipeline.batch.locks import StoreError
from lungct.pipeline.batch.run_record import forget

COLUMNS = {"key": "string", "source": "string", "value": "double", "words": "list<string>"}


def rows_of(number):
    return [{"source": f"s{number}", "value": number / 7, "words": ["a", str(part)]} for part in range(1 + number % 3)]


def crash(store):
    """End as SIGKILL does: the files stay as they are, the lock is free."""
    store._open.close()


def read(folder):
    with Store(folder, COLUMNS) as store:
        return list(store.rows())


@settings(max_examples=40, deadline=None)
@given(
    total=st.integers(1, 30),
    part_rows=st.integers(1, 12),
    crashes=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 400)), max_size=4),
)
def test_every_input_has_its_rows_once_whenever_the_process_dies(tmp_path_factory, total, part_rows, crashes):
    folder = tmp_path_factory.mktemp("store")
    before, module.PART_ROWS = module.PART_ROWS, part_rows
    try:
        for count, torn in crashes:
            store = Store(folder, COLUMNS).__enter__()
            for number in [number for number in range(total) if f"k{number}" not in store.done][:count]:
                store.add(f"k{number}", rows_of(number))
            crash(store)
            journal = folder / ".lungct" / "predictions-1of1" / "journal.jsonl"
            journal.write_bytes(journal.read_bytes()[: max(0, journal.stat().st_size - torn)])  # and half a line
        with Store(folder, COLUMNS) as store:
            for number in range(total):
                if f"k{number}" not in store.done:
                    store.add(f"k{number}", rows_of(number))
    finally:
        module.PART_ROWS = before
    found = sorted((row["key"], row["source"], row["value"], tuple(row["words"])) for row in read(folder))
    wanted = [(f"k{n}", row["source"], row["value"], tuple(row["words"])) for n in range(total) for row in rows_of(n)]
    assert found == sorted(wanted)


def test_half_a_line_costs_no_line_after_it(tmp_path):
    store = Store(tmp_path, COLUMNS).__enter__()
    for key in "ab":
        store.add(key, rows_of(0))
    crash(store)
    journal = tmp_path / ".lungct" / "predictions-1of1" / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-5])
    store = Store(tmp_path, COLUMNS).__enter__()
    assert store.done == {"a"}
    store.add("c", rows_of(0))
    crash(store)
    with Store(tmp_path, COLUMNS) as store:
        assert store.done == {"a", "c"}


def test_dying_between_file_and_journal_duplicates_nothing(tmp_path):
    store = Store(tmp_path, COLUMNS).__enter__()
    store.add("a", rows_of(2))
    journal = tmp_path / ".lungct" / "predictions-1of1" / "journal.jsonl"
    kept = journal.read_bytes()
    store._write_part()
    crash(store)
    journal.write_bytes(kept)
    assert [row["key"] for row in read(tmp_path)] == ["a"] * 3


def test_missing_columns_are_empty_and_types_are_kept(tmp_path):
    with Store(tmp_path, COLUMNS) as store:
        store.add("a", [{"source": "x"}])
        assert json.loads((tmp_path / ".lungct/predictions-1of1/journal.jsonl").read_text()) == [
            {"source": "x", "key": "a"}
        ]
    table = pyarrow.parquet.read_table(tmp_path / "predictions")
    assert table.to_pylist() == [{"key": "a", "source": "x", "value": None, "words": None}]
    assert [str(kind) for kind in table.schema.types] == ["string", "string", "double", "list<element: string>"]


def test_two_processes_do_not_write_one_shard(tmp_path):
    with Store(tmp_path, COLUMNS), pytest.raises(StoreError, match="another process"):
        Store(tmp_path, COLUMNS).__enter__()
    with Store(tmp_path, COLUMNS, (1, 2)), Store(tmp_path, COLUMNS, (2, 2)):
        with pytest.raises(StoreError, match="another process"):  # the whole folder includes what they hold
            Store(tmp_path, COLUMNS).__enter__()
        with pytest.raises(StoreError, match="another process"):
            forget(tmp_path, "predictions", (1, 1))
    with pytest.raises(StoreError, match="other shards"):
        forget(tmp_path, "predictions", (1, 2))


def test_shards_opened_at_once_do_not_block_each_other(tmp_path):
    Store(tmp_path, COLUMNS).__enter__()._open.close()  # an unbroken run came before

    def opened(number):
        with Store(tmp_path, COLUMNS, (number, 8)) as store:
            time.sleep(0.05)
            store.add(f"k{number}", [{"source": "x"}])
        return number

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(opened, range(1, 9))) == list(range(1, 9))


def test_a_missing_part_affects_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PART_ROWS", 1)
    with Store(tmp_path, COLUMNS) as store:
        for key in "abc":
            store.add(key, [{"source": key}])
    (tmp_path / "predictions" / "part-1of1-00000.parquet").unlink()
    with Store(tmp_path, COLUMNS) as store:
        assert store.done == {"b", "c"}
        store.add("a", [{"source": "a"}])
    assert sorted(row["key"] for row in read(tmp_path)) == ["a", "b", "c"]


def test_failed_inputs_can_be_repeated(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PART_ROWS", 2)
    columns = {**COLUMNS, "error": "string"}
    with Store(tmp_path, columns) as store:
        for key, error in zip("abcde", (None, "e", None, None, "e"), strict=True):
            store.add(key, [{"source": key, "error": error}])
    with Store(tmp_path, columns) as store:
        assert store.failed == {"b", "e"}
        store.retry_failed()
        assert (store.done, store.failed) == ({"a", "c", "d"}, set())
        store.add("b", [{"source": "b"}])
    with Store(tmp_path, columns) as store:
        assert sorted((row["key"], row["error"]) for row in store.rows()) == [(key, None) for key in "abcd"]


def test_failed_inputs_of_a_process_that_died_may_be_done_again(tmp_path):
    """Their rows are in the journal alone."""
    columns = {**COLUMNS, "error": "string"}
    store = Store(tmp_path, columns).__enter__()
    for key, error in (("a", None), ("b", "e")):
        store.add(key, [{"source": key, "error": error}])
    crash(store)
    with Store(tmp_path, columns) as store:
        store.retry_failed()
        assert store.done == {"a"}
        store.add("b", [{"source": "b"}])
    with Store(tmp_path, columns) as store:
        assert sorted((row["key"], row["error"]) for row in store.rows()) == [("a", None), ("b", None)]


def test_only_what_was_in_progress_when_a_process_died_is_suspected(tmp_path):
    store = Store(tmp_path, COLUMNS).__enter__()
    for key in "ab":
        store.begin(key)
    store.add("a", rows_of(0))
    crash(store)
    with Store(tmp_path, COLUMNS) as store:
        assert store.suspects == {"b"}
        store.begin("c")
    with Store(tmp_path, COLUMNS) as store:  # that process ended by itself
        assert store.suspects == set()


def test_tables_that_were_changed_since_are_refused(tmp_path):
    columns = {**COLUMNS, "patient": "string"}
    with Store(tmp_path, columns) as store:
        store.add("a", [{"source": "a", "patient": "p1"}])
    with Store(tmp_path, columns) as store:
        items = [Item("a", "a", {"patient": "p1"})]
        store.check_same(items, {"patient": "string"})
        changed = [replace(items[0], extra={"patient": "p2"})]
        with pytest.raises(StoreError, match=r"patient .*p1 then, p2 now"):
            store.check_same(changed, {"patient": "string"})


def test_names_that_are_not_valid_text_are_kept_as_far_as_possible(tmp_path):
    with Store(tmp_path, COLUMNS) as store:
        store.add("a", [{"source": "x\udcff.png", "words": ["\udcff"]}])
    assert [(row["source"], row["words"]) for row in read(tmp_path)] == [("x?.png", ["?"])]


def test_an_input_has_one_row(tmp_path):
    with Store(tmp_path, COLUMNS) as store, pytest.raises(ValueError, match="has no rows"):
        store.add("a", [])
