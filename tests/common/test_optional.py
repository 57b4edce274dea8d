"""Missing packages are named with a command that installs lungct's extra from where lungct came."""

import importlib.util
import json
import re
from configparser import ConfigParser

import pytest
from typer.testing import CliRunner

from lungct.common import optional
from lungct.common.optional import MissingPackageError, require
from lungct.pipeline.batch import BatchSettings, run_batch
from lungct.pipeline.commands.cli import app

from ..conftest import ROOT, SLICES

USES = re.compile(r'require\(\s*(\*\w+|(?:"\w+",\s*)+)[^)]*?extra="(\w+)"')


class Installed:
    def __init__(self, record):
        self._record = record

    def read_text(self, name):
        assert name == "direct_url.json"
        return self._record


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"url": "file://{0}", "dir_info": {}}, "Run: pip install '{0}[batch]'"),
        ({"url": "file://{0}", "dir_info": {"editable": True}}, "Run: pip install --editable '{0}[batch]'"),
        ({"url": "file://{0}/lungct.whl", "archive_info": {}}, "Run: pip install '{0}/lungct.whl[batch]'"),
        ({"url": "file://{0}/gone", "dir_info": {}}, "from where you got it, with the extra"),
        ({"url": "git+https://example.org/lungct", "vcs_info": {}}, "pip install 'FOLDER_OR_WHEEL[batch]'"),
        (None, "pip install 'FOLDER_OR_WHEEL[batch]'"),
    ],
)
def test_the_command_names_where_lungct_came_from(tmp_path, monkeypatch, record, said):
    (tmp_path / "lungct.whl").touch()
    text = json.dumps(record).replace("{0}", str(tmp_path)) if record else None
    monkeypatch.setattr(optional, "distributions", lambda name: [Installed(None), Installed(text)])
    with pytest.raises(MissingPackageError) as failure:
        require("numpy", "no_such", "nor_this", purpose="A batch", extra="batch")
    message = str(failure.value)
    assert message.startswith("A batch needs no-such, nor-this. ")
    assert said.replace("{0}", str(tmp_path)) in message
    assert "pip install 'lungct" not in message


def test_packages_of_no_extra_go_by_their_own_name(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"^The adapter needs scikit-learn\. Run: pip install scikit-learn$"):
        require("sklearn", purpose="The adapter")


def test_every_extra_brings_what_is_required_of_it():
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg")
    extras = dict(settings["options.extras_require"])
    extras["ray"] += extras["batch"]
    found = set()
    for folder in ("common", "sources", "weights", "lungseg", "classify", "pipeline"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            for modules, extra in USES.findall(text):
                needed = re.search(rf"{modules[1:]} = \((.*)\)", text)[1] if modules[0] == "*" else modules
                for module in re.findall(r'"(\w+)"', needed):
                    package = optional.PACKAGES.get(module, module.replace("_", "-"))
                    assert re.search(rf"^{package}\b(?!-)", extras[extra], re.MULTILINE), (path, package, extra)
                found.add(extra)
    assert found == {"batch", "edge", "ray", "report", "seg", "serve", "train", "volume"}


@pytest.mark.parametrize(
    ("module", "arguments", "said"),
    [
        ("pyarrow", ["batch", "{slice}", "--out", "{out}"], "A batch needs pyarrow."),
        ("highdicom", ["predict", "{slice}", "--masks", "seg"], "A mask as DICOM SEG needs"),
        (
            "highdicom",
            ["segment", "{slice}", "--out", "{out}", "--masks", "seg"],
            "A mask as DICOM SEG needs",
        ),
        ("fastapi", ["serve"], "The service needs fastapi."),
        ("sklearn", ["report", "--data", "{slices}", "--out", "{out}"], "A report needs scikit-learn."),
        ("openvino", ["predict", "{slice}", "--engine", "openvino"], "The engine openvino needs openvino."),
        ("focal_loss", ["train", "classify", "--data", "{slices}", "--out", "{out}"], "Training needs focal-loss."),
    ],
)
def test_commands_say_what_is_missing_in_a_line(tmp_path, monkeypatch, module, arguments, said):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == module else find(name))
    names = {"slice": next(SLICES.glob("*.png")), "slices": SLICES, "out": tmp_path / "out"}
    result = CliRunner().invoke(app, [argument.format_map(names) for argument in arguments])
    assert result.exit_code == 2
    assert result.output.startswith(f"lungct: {said}")
    assert re.search(r"\[(batch|seg|serve|report|openvino|train)\]'$", result.output)
    assert result.output.count("\n") == 1


def test_a_batch_is_refused_before_it_begins(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "highdicom" else find(name))
    with pytest.raises(MissingPackageError, match="highdicom"):
        run_batch([SLICES], tmp_path / "out", BatchSettings(masks="seg"))
    assert not (tmp_path / "out").exists()
