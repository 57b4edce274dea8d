"""The arguments of a batch become inputs with stable keys."""

import shutil

import fsspec
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lungct.pipeline.batch import COLUMNS
from lungct.pipeline.batch.listing import Item, Listing, list_items
from lungct.pipeline.batch.remote import RemoteFile
from lungct.sources import DicomSeries, SourceError

from ...conftest import ROOT, SLICES
from ...sources.dicom.dicom_files import series_of, write


def test_folders_patterns_and_files(tmp_path, covid_slice, monkeypatch):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("b.png", "deep/a.png", "deep/er/c.png"):
        shutil.copy(covid_slice, tmp_path / name)
    (tmp_path / "notes.txt").write_text("words")
    everything = list_items([tmp_path]).items
    assert [item.name for item in everything] == [
        str(tmp_path / name) for name in ("b.png", "deep/a.png", "deep/er/c.png")
    ]
    by_pattern = list_items([str(tmp_path / "**" / "*.png")]).items
    assert len(list_items([str(tmp_path / "**")]).items) == 4  # the notes are not a picture, and the error says so
    (tmp_path / ".hidden").mkdir()
    shutil.copy(covid_slice, tmp_path / ".hidden")
    assert len(list_items([tmp_path]).items) == 3
    assert {item.key for item in by_pattern} == {item.key for item in everything}
    monkeypatch.chdir(tmp_path)
    assert (
        list_items(["b.png"]).items[0].key == list_items([f"file://{tmp_path}/b.png"]).items[0].key == everything[0].key
    )
    (missing,) = list_items([tmp_path / "*.dcm"]).items
    assert isinstance(missing.source, SourceError)
    assert "matches no file" in str(missing.source)


def test_series_are_one_input(tmp_path):
    (item,) = list_items([ROOT / "examples" / "series"]).items
    assert isinstance(item.source, DicomSeries)


def test_the_same_file_twice_is_two_inputs(covid_slice):
    one, other = list_items([covid_slice, covid_slice]).items
    assert one.key != other.key
    assert [item.key for item in list_items([covid_slice, covid_slice]).items] == [one.key, other.key]


def test_columns_of_tables_are_kept(tmp_path, covid_slice):
    shutil.copy(covid_slice, tmp_path / "a.png")
    (tmp_path / "table.csv").write_text(f"image,patient,label,age\na.png,007,COVID,61\n{covid_slice},008,,\n")
    listing = list_items([tmp_path / "table.csv"], results=COLUMNS)
    assert listing.extras == {"patient": "string", "input_label": "string", "age": "string"}
    first, second = listing.items
    assert (first.name, dict(first.extra)) == (
        str(tmp_path / "a.png"), {"patient": "007", "input_label": "COVID", "age": "61"},
    )  # fmt: skip
    assert dict(second.extra) == {"patient": "008", "input_label": None, "age": None}


def test_text_in_tables_stays_text_and_columns_keep_separate_names(tmp_path):
    (tmp_path / "t.csv").write_text("path,site,label,input_label\nx.png,NA,A,B\n")
    listing = list_items([tmp_path / "t.csv"], results=COLUMNS)
    assert dict(listing.items[0].extra) == {"site": "NA", "input_input_label": "A", "input_label": "B"}
    (tmp_path / "t.csv").write_text("path,path\nx.png,y.png\n")
    with pytest.raises(SourceError, match="two columns"):
        list_items([tmp_path / "t.csv"])


def test_a_series_keeps_its_key_when_another_is_added(tmp_path):
    shutil.copytree(ROOT / "examples" / "series", tmp_path / "s")
    (before,) = list_items([tmp_path / "s"]).items
    other = series_of(np.zeros((2, 64, 64), dtype=np.int16), step=3.0)
    write(tmp_path / "s", other)
    assert before.key in {item.key for item in list_items([tmp_path / "s"]).items}
    assert len(list_items([tmp_path / "s"]).items) == 2


def test_parquet_tables_keep_types(tmp_path):
    table = pyarrow.table(
        {"where": ["x.png"], "age": [61], "ok": [True], "weight": [70.5], "day": [pyarrow.scalar(0, pyarrow.date32())]}
    )
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    listing = list_items([tmp_path / "t.parquet"], "where")
    assert listing.extras == {"age": "int64", "ok": "bool", "weight": "double", "day": "string"}
    assert dict(listing.items[0].extra) == {"age": 61, "ok": True, "weight": 70.5, "day": "1970-01-01"}


@pytest.mark.parametrize(
    ("content", "column", "said"),
    [("a,b\n1,2\n", None, "has no column"), ("path,b\nx.png,2\n", "file", "has no column file"),
     ("path,b\nx.png,2\n,3\n", None, "row 3"), ("", None, "can't be read as a table")],
)  # fmt: skip
def test_tables_without_paths_are_refused(tmp_path, content, column, said):
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(SourceError, match=said):
        list_items([tmp_path / "t.csv"], column)


def test_urls(covid_slice):
    memory = fsspec.filesystem("memory")
    memory.makedirs("/bucket/sub")
    for name in ("a.png", "sub/b.PNG", "sub/notes.txt"):
        memory.pipe(f"/bucket/{name}", covid_slice.read_bytes())
    try:
        found = list_items(["memory://bucket"]).items
        assert [item.name for item in found] == ["memory:///bucket/a.png", "memory:///bucket/sub/b.PNG"]
        (single,) = list_items(["memory://bucket/*.png"]).items
        assert single.key == found[0].key
        assert isinstance(single.source, RemoteFile)
        with single.source.fetched() as copy:
            assert copy.read_bytes() == covid_slice.read_bytes()
        assert not copy.exists()
        (unknown,) = list_items(["nonsense://x/y.png"]).items
        assert "can't be downloaded" in str(unknown.source)
    finally:
        memory.rm("/bucket", recursive=True)


@given(keys=st.lists(st.integers(0, 2**80 - 1), unique=True, max_size=50), of=st.integers(1, 9))
def test_shards_contain_every_input_once(keys, of):
    listing = Listing([Item(f"{key:020x}", SLICES) for key in keys], {})
    shards = [item.key for number in range(1, of + 1) for item in listing.shard(number, of)]
    assert sorted(shards) == sorted(item.key for item in listing.items)


@pytest.mark.parametrize(
    ("limit", "value", "said"), [("MOST_BYTES", 10, "is larger than"), ("MOST_SECONDS", -1, "took")]
)
def test_remote_files_are_downloaded_within_limits(monkeypatch, limit, value, said):
    with fsspec.open("memory://far/x.png", "wb") as file:
        file.write(bytes(100))
    monkeypatch.setattr(f"lungct.pipeline.batch.remote.{limit}", value)
    with pytest.raises(SourceError, match=said), RemoteFile("memory://far/x.png").fetched():
        pass
