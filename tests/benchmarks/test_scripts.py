"""Every script of benchmarks/ runs to its end on small inputs, so that none breaks unnoticed."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from contextlib import contextmanager, nullcontext
from unittest.mock import create_autospec

import pytest

from lungct.common.intervals import bootstrap_interval
from lungct.weights import CLASSIFIER, load_card

from ..conftest import ROOT, SHARED, eager_training
from ..import_graph import absolute_imports
from .inputs import link_shared, write_labelled, write_masks, write_outlined

BENCHMARKS = ROOT / "benchmarks"

CHAINS = [
    ("batches.resume examples/slices --files 10 --kills 1", "rows that differ"),
    ("batches.service_load --seconds 0.2 --clients 2 4", "after_4"),
    (
        "trust.wrong_inputs {out}/wrong --every 40",
        "trust.refusal --wrong {out}/wrong --data {labelled} --ct examples/series --out {out}/refused",
        "further series: slices",
    ),
    ("trust.refusal_by_name --ct {labelled} --other-ct examples/series", "pipeline of xray: answered"),
    ("trust.uncertainty --data {labelled} --validation-share 1 --network {classifier}", "interval across it"),
    (
        "trust.explanations {drawn}/ct {drawn}/lungs {drawn}/covid --validation-share 0.5 --every --sheet {out}/s.png",
        "4 slices of 4 patients",
    ),
    (
        "xray.cases {labelled.parent} {out}/cases.csv",
        "xray.masks {out}/cases.csv {out}/masks --round 1 --validation-share 0.75",
        "training.segmenter_parts {out}/masks/images {out}/masks/masks {out}/masks/patients.csv all",
        "margin 0.3, cleaned: Dice",
    ),
    ("xray.outlines {outlined} {out}/outlined", "training.segmenter_parts {drawn}/ct {drawn}/lungs", "raw: Dice 0.9"),
]
"""Commands that use the output of the previous one, followed by text that they print."""

TRAINING = [
    ("training.backbones efficientnetb0 --slices 1", "1.0 x"),
    ("volumes.costs --quick", "6 slices of 512 x 512"),
    (
        "volumes.planted write {out}/made --count 2",
        "volumes.planted measure {out}/made {volume_card}",
        "volumes.aggregations --predictions {out}/made/predictions.json",
        "made: 2 studies, 1 COVID",
    ),
]

FROM_SHARED = [
    ("training.tables --shared {few} --out {out}/tables", "song-pneumonia: 1034 pictures"),
    ("training.focal_sweep {lite0} {out}/run {few}/sarscov2-ct --quick", "one of COVID to ten others"),
    (
        "volumes.planted write {out}/bodies --count 1 --bodies {few}",
        "volumes.aggregations --shared {few}",
        "COVID-CT, validation patients with several: 2 studies",
    ),
]

ELSEWHERE = {
    "run": "test_run.py",
    "plot": "test_run.py",
    "speed.lungmask_unet": "test_run.py",  # run.py starts it
    "speed.edge": "../test_raspberry_pi.py",
    "batches.throughput": "test_scripts.py",
    "training.classifier_choices": "test_scripts.py",
}
"""Scripts that are in none of these, and where they are started."""


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    return write_labelled(tmp_path_factory.mktemp("labelled"))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return write_masks(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="module")
def outlined(tmp_path_factory):
    return write_outlined(tmp_path_factory.mktemp("outlined"))


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return link_shared(tmp_path_factory.mktemp("few"))


@pytest.fixture(scope="module")
def volume_card(tmp_path_factory):
    from benchmarks.volumes.costs import SMALL, write_network

    folder = tmp_path_factory.mktemp("network")
    return write_network(folder, SMALL, 2).card.path.with_suffix(".json")


@pytest.fixture
def classifier():
    return load_card(CLASSIFIER).folder / f"{CLASSIFIER}.json"


@pytest.fixture
def lite0():
    return SHARED / "imagenet-efficientnet-lite0" / "effnet_lite0_imagenet_folded_f32.npz"


@pytest.fixture
def start(request, monkeypatch):
    """Return what starts a command as `python -m` does, but in this process, which loads all libraries once.

    Fixtures replace the {names} in it.
    """

    class Fixtures:
        def __getitem__(self, name):
            return request.getfixturevalue(name)

    def started(command):
        eagerly = eager_training() if request.node.get_closest_marker("train") else nullcontext()
        words = [word.format_map(Fixtures()) for word in command.split()]
        monkeypatch.setattr(sys, "argv", words)
        monkeypatch.delitem(sys.modules, f"benchmarks.{words[0]}", raising=False)  # runpy warns about it
        with eagerly, ended_well():
            runpy.run_module(f"benchmarks.{words[0]}", run_name="__main__")

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(bootstrap_interval, "__defaults__", (0, 20))  # seed and resamples: few
    return started


@contextmanager
def ended_well():
    """Continue after a script that exits, unless it reports a failure."""
    try:
        yield
    except SystemExit as ended:
        assert not ended.code  # noqa: PT017 - a script may also end without it


def first_script(chain):
    return chain[0].split()[0]


@pytest.mark.parametrize(
    "chain",
    [
        *CHAINS,
        *(pytest.param(chain, marks=pytest.mark.train) for chain in TRAINING),
        *(pytest.param(chain, marks=[pytest.mark.train, pytest.mark.shared]) for chain in FROM_SHARED),
    ],
    ids=first_script,
)
def test_runs_to_its_end(chain, start, capfd):
    *commands, words = chain
    for command in commands:
        start(command)
    assert words in capfd.readouterr().out


def test_throughput_runs_to_its_end_as_users_start_it():
    """Runs in a separate process, because Ray's processes outlive the call."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.batches.throughput", "--count", "5", "--rows", "100"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "on paper" in done.stdout


def test_classifier_choices_requests_all_trainings(labelled, out, start, monkeypatch, capsys):
    """Nine trainings take an hour, so each is replaced by the shipped network, whose sets have the same names."""
    from lungct.classify.training import train

    trained = create_autospec(train.train_classifier, return_value=load_card(CLASSIFIER))
    monkeypatch.setattr(train, "train_classifier", trained)
    for name in ("covid-ct", "sarscov2-ct"):
        (out / name).symlink_to(labelled.parent)
    start("training.classifier_choices lite0.npz {out}/runs {out}/covid-ct {out}/sarscov2-ct")
    assert [call.args[3].region for call in trained.call_args_list] == ["masked", "crop", "whole"] * 3
    assert capsys.readouterr().out.count("never seen") == 2 * 6  # in the progress lines, then in the table


def test_every_script_is_started():
    commands = [command for *commands, _ in (*CHAINS, *TRAINING, *FROM_SHARED) for command in commands]
    started = {command.split()[0] for command in commands} | set(ELSEWHERE)
    scripts = [path for path in BENCHMARKS.rglob("*.py") if 'if __name__ == "__main__"' in path.read_text()]
    assert started == {".".join(path.relative_to(BENCHMARKS).with_suffix("").parts) for path in scripts}
    for script, tests in ELSEWHERE.items():
        assert script.split(".")[-1] in (BENCHMARKS.parent / "tests" / "benchmarks" / tests).read_text()


def test_documentation_names_scripts_that_exist():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "Makefile", *BENCHMARKS.rglob("*.py")]
    named = {
        name for page in pages for name in re.findall(r"(?<![\w/])benchmarks[./]\w+(?:[./]\w+)*", page.read_text())
    }
    assert len(named) > 20
    for name in named - {"benchmarks.FOLDER.NAME"}:
        path = ROOT / re.sub(r"\.(?!py$|csv$|json$)", "/", name)
        assert path.is_file() or path.with_suffix(".py").is_file(), name


def test_only_benchmarks_are_imported_from_the_root():
    """The root has folders such as sources and weights, which are lungct's and must not be imported from there."""
    tops = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert {"benchmarks", "sources", "weights"} <= tops
    for path in BENCHMARKS.rglob("*.py"):
        found = {name.split(".")[0] for name in absolute_imports(path.relative_to(ROOT))} & tops
        assert found <= ({"benchmarks"} if path.parent == BENCHMARKS else set()), path
