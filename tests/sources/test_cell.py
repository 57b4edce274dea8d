"""Cells: native decoders in isolated processes that can die, hang and be replaced."""

import os
import sys
import threading

import numpy as np
import pytest
from typer.testing import CliRunner

from lungct.pipeline.commands.cli import app
from lungct.sources import cell
from lungct.sources.cell import CellError, Cells

from .dicom.dicom_files import slice_file

CODE = """
import os, socket, time
import numpy as np
def about(content, what, where=""):
    if what == "bytes":
        return np.frombuffer(content, np.uint8)
    if what == "environment":
        return np.frombuffer(repr(dict(os.environ)).encode(), np.uint8)
    if what == "memory":
        return np.ones(1 << 28)
    if what == "write":
        open(where, "w").write("x" * 100)
    if what == "hang":
        time.sleep(60)
    if what == "die":
        os.kill(os.getpid(), 11)
    if what == "processor":
        while True: pass
    if what == "module":
        import pydicom
        return np.frombuffer(pydicom.__file__.encode(), np.uint8)
    raise ValueError("asked for " + what)
"""


@pytest.fixture
def cells(tmp_path, monkeypatch):
    """Cells that may also import a module of this test's."""
    (tmp_path / "answers_of_test.py").write_text(CODE)
    places = cell._places
    monkeypatch.setattr(cell, "_places", lambda: [*places(), str(tmp_path)])
    return Cells()


def ask(cells, content=b"", expected=1000, **question):
    with cells.holding("answers_of_test:about", content, expected) as asked:
        return asked(**question)


def test_a_file_is_sent_once_and_decoded_many_times(cells):
    with cells.holding("answers_of_test:about", b"abc", 1000) as asked:
        first, second = asked(what="bytes"), asked(what="bytes")
    assert first.tobytes() == second.tobytes() == b"abc"
    assert ask(cells, b"other", what="bytes").tobytes() == b"other"


def test_it_does_not_inherit_the_environment(cells, monkeypatch):
    monkeypatch.setenv("LUNGCT_TOKEN", "secret")
    known = ask(cells, what="environment").tobytes().decode()
    assert not {name for name in os.environ if repr(name) in known} - {"LC_CTYPE", "GDCM_RESOURCES_PATH"}
    assert "secret" not in known


@pytest.mark.skipif(sys.platform != "linux", reason="limits are set where the system has them")
def test_memory_and_files_are_limited(cells, tmp_path):
    with pytest.raises(RuntimeError, match="MemoryError"):
        ask(cells, what="memory")
    assert ask(cells, expected=1 << 30, what="memory").nbytes == 1 << 31
    with pytest.raises(RuntimeError):
        ask(cells, what="write", where=str(tmp_path / "written"))
    assert not (tmp_path / "written").exists() or not (tmp_path / "written").stat().st_size


@pytest.mark.parametrize("what", ["die", "hang", "processor"])
def test_one_that_dies_or_hangs_is_replaced(cells, what, monkeypatch):
    assert ask(cells, b"first", what="bytes").tobytes() == b"first"  # it has started
    monkeypatch.setattr(cell, "SECONDS", 1)
    with pytest.raises(RuntimeError, match="crashed on it or took too long"):
        ask(cells, what=what)
    monkeypatch.setattr(cell, "SECONDS", 60)
    assert ask(cells, b"next", what="bytes").tobytes() == b"next"
    with cells.holding("answers_of_test:about", b"same", 1000) as asked:
        with pytest.raises(RuntimeError, match="crashed"):
            asked(what="die")
        assert asked(what="bytes").tobytes() == b"same"  # sent again to the new cell


def test_exceptions_of_decoders_are_passed_on(cells):
    with pytest.raises(RuntimeError, match="ValueError: asked for nothing"):
        ask(cells, what="nothing")


def test_modules_are_not_imported_from_the_callers_folder(cells, tmp_path, monkeypatch):
    (tmp_path / "pydicom.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert b"site-packages" in ask(cells, what="module").tobytes()


def test_a_cell_that_cannot_start_is_not_blamed_on_the_file(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(CellError, match="does not start"), Cells().holding("x:y", b"", 1) as asked:
        asked()


def test_commands_report_it_in_one_line(monkeypatch, tmp_path):
    from pydicom.uid import RLELossless, generate_uid

    data = slice_file(np.full((64, 64), -500), series=generate_uid())
    data.compress(RLELossless)
    data.save_as(tmp_path / "x.dcm")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    monkeypatch.setattr(cell.CELLS, "_free", [])
    for command in ("info", "predict"):
        done = CliRunner().invoke(app, [command, str(tmp_path / "x.dcm")])
        assert (done.exit_code, "does not start. Reinstall lungct" in " ".join(done.output.split())) == (1, True)


def test_threads_get_their_own_cells_up_to_the_limit(cells):
    found = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(ask(cells, b"%d" % n, what="bytes").tobytes()))
        for n in range(9)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(found) == [b"%d" % n for n in range(9)]
    assert len(cells._free) <= cell.MOST_CELLS
    assert os.getpid() not in {one._process.pid for one in cells._free}


def test_pixels_are_returned_unchanged(cells):
    values = np.frombuffer(np.random.default_rng(0).bytes(4096), np.uint8)
    np.testing.assert_array_equal(ask(cells, values.tobytes(), expected=4096, what="bytes"), values)
