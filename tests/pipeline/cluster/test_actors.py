"""What the actors read, tested without a cluster."""

import pickle
from contextlib import nullcontext

import pyarrow

from lungct.pipeline.cluster import actors
from lungct.pipeline.settings import PipelineSettings

from ...conftest import SLICES


def test_a_column_named_like_ours_is_never_unpickled(monkeypatch, tmp_path):
    monkeypatch.setattr(actors, "_task", lambda: "task")
    monkeypatch.setattr(actors, "attempt", lambda *_: nullcontext(True))
    path = sorted(SLICES.glob("*.png"))[0]
    table = pyarrow.table({"path": [str(path)], actors.FACTS: [b"a user's own bytes"]})
    (read,) = actors.read_rows(table, "path", PipelineSettings(), str(tmp_path))
    assert read.column_names == ["path", actors.PIXELS, actors.FACTS]
    item, rest, _ = pickle.loads(read[actors.FACTS][0].as_py())  # noqa: S301 # our own
    assert item.name == str(path)
    assert rest["shape"][0] == 1
