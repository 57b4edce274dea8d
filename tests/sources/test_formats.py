"""The table of formats: messages, help, pages and documentation list exactly what it contains."""

import httpx
import pytest
from typer.testing import CliRunner

from lungct.pipeline.commands.cli import app
from lungct.sources import SourceError, read_scan, readable_suffixes
from lungct.sources.formats import FORMATS, KNOWN, may_hold_many

from ..conftest import ROOT

WORDS = KNOWN.split(", ")


def test_every_readable_format_has_a_name_or_shares_one():
    assert len(WORDS) == len(set(WORDS)) > 5
    assert {suffix for fmt in FORMATS if fmt.read for suffix in fmt.suffixes} == set(readable_suffixes())
    assert may_hold_many("a.NII.gz")
    assert not may_hold_many("a.png")


def test_messages_and_help_list_them(tmp_path):
    (tmp_path / "x.bin").write_bytes(b"nothing known")
    with pytest.raises(SourceError, match=KNOWN):
        read_scan(tmp_path / "x.bin")
    assert KNOWN in " ".join(CliRunner().invoke(app, ["predict", "--help"], env={"COLUMNS": "300"}).output.split())


def test_the_service_lists_them():
    pytest.importorskip("fastapi")
    from lungct.pipeline import Pipeline
    from lungct.pipeline.service.settings import ServiceSettings

    from ..pipeline.service.serving import served

    with served(Pipeline.from_pretrained(), ServiceSettings(workers=1)) as url:
        assert KNOWN in " ".join(httpx.get(url).text.split())
        assert KNOWN in httpx.get(f"{url}/openapi.json").text


@pytest.mark.parametrize("page", ["README.md", "docs/sources.md", "docs/service.md"])
def test_the_documentation_names_each(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert not [word for word in WORDS if word not in text]
    assert not [word for word in WORDS if word not in read_scan.__doc__]
