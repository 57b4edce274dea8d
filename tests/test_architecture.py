"""Rules of the architecture: import directions, cheap imports, and one name in site-packages."""

import configparser
import importlib
import inspect
import os
import re
import subprocess
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import pytest

import lungct
import lungct.pipeline

from .conftest import ROOT
from .import_graph import absolute_imports, circles, files, import_graph

ROOMS_MAY_IMPORT = {
    "common": set(),
    "sources": {"common"},
    "weights": {"common"},
    "lungseg": {"sources", "weights", "common"},
    "classify": {"sources", "weights", "common"},
    "pipeline": {"classify", "lungseg", "sources", "weights", "common"},
}

WINGS_MAY_IMPORT = {
    "sources": {"sources/dicom", "sources/foreign", "sources/raw"},
    "sources/dicom": {"sources"},  # the files that define a scan: none of them imports the others
    "sources/foreign": {"sources", "sources/dicom"},
    "sources/raw": {"sources", "sources/foreign"},
    "lungseg": set(),
    "lungseg/data": {"lungseg"},
    "lungseg/evaluation": {"lungseg", "lungseg/data"},
    "lungseg/training": {"lungseg", "lungseg/data", "lungseg/evaluation"},
    "classify/trust": set(),
    "classify": {"classify/trust"},
    "classify/data": {"classify", "classify/trust"},
    "classify/evaluation": {"classify", "classify/trust", "classify/data"},
    "classify/evaluation/lesions": {"classify", "classify/evaluation"},
    "classify/training": {"classify", "classify/trust", "classify/data", "classify/evaluation"},
    "classify/volume": {"classify", "classify/data", "classify/training"},
    "classify/modality": {"classify", "classify/data", "classify/evaluation", "classify/training"},
    "pipeline/results": set(),
    "pipeline": {"pipeline/results"},
    "pipeline/batch": {"pipeline", "pipeline/results"},
    "pipeline/cluster": {"pipeline", "pipeline/results", "pipeline/batch"},
    "pipeline/preprocess": {"pipeline", "pipeline/results", "pipeline/batch"},
    "pipeline/report": {"pipeline", "pipeline/results", "pipeline/batch"},
    "pipeline/service": {"pipeline", "pipeline/results", "pipeline/batch"},
    "pipeline/adapters": {"pipeline", "pipeline/results", "pipeline/batch"},
    "pipeline/commands": {
        "pipeline",
        "pipeline/results",
        "pipeline/batch",
        "pipeline/cluster",
        "pipeline/preprocess",
        "pipeline/report",
        "pipeline/service",
        "pipeline/commands/training",
    },
    "pipeline/commands/training": {"pipeline/commands"},
}
"""Inside a room, by folder; the room's own folder holds what its wings build on, or re-exports them."""

DOORS = {
    Path(f"pipeline/{name}.py"): Path(f"pipeline/{target}.py")
    for name, target in {
        "albumentations": "adapters/albumentations",
        "client": "service/client",
        "mapping": "adapters/mapping",
        "monai": "adapters/monai",
        "sklearn": "adapters/sklearn",
    }.items()
}
"""Files that only re-export what is in a wing, under the name that users import."""

MOST_FILES, MOST_LINES = 20, 300


def python(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_rooms_import_in_one_direction():
    for path, imported in import_graph().items():
        room = path.parts[0]
        others = {other.parts[0] for other in imported} - {room}
        assert others <= ROOMS_MAY_IMPORT[room], f"{path} imports from {others}"
        assert not any(name.split(".")[0] == "lungct" for name in absolute_imports(path)), f"{path}: import relatively"


def test_wings_import_in_one_direction():
    for path, imported in import_graph().items():
        if path.name == "__init__.py":  # re-exports what its wings contain
            continue
        wing, inside = path.parent.as_posix(), {other for other in imported if other.parts[0] == path.parts[0]}
        if path in DOORS:
            assert inside == {DOORS[path]}
            continue
        assert not inside & set(DOORS), f"{path} goes through a door for users"
        others = {other.parent.as_posix() for other in inside} - {wing}
        assert others <= WINGS_MAY_IMPORT.get(wing, set()), f"{path} imports from {others}"


def test_no_two_files_import_each_other():
    assert circles(import_graph()) == []


def test_a_circle_would_be_found():
    one, two, three = Path("a.py"), Path("b.py"), Path("c.py")
    graph = {one: frozenset({two}), two: frozenset({three}), three: frozenset({two})}
    assert circles(graph) == [[two, three]]
    assert circles({one: frozenset({one})}) == [[one]]


def test_folders_and_files_stay_small():
    tops = (ROOT / "tests", ROOT / "benchmarks")
    tracked = [*files(), *(path.relative_to(ROOT) for top in tops for path in top.rglob("*.py"))]
    many = {folder: count for folder, count in Counter(path.parent for path in tracked).items() if count > MOST_FILES}
    assert not many
    lengths = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in tracked}
    assert not {path: length for path, length in lengths.items() if length > MOST_LINES}


def test_the_package_lists_every_folder():
    """A folder that is missing in setup.cfg would be missing only in the wheel."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = config["options"]["packages"].split()
    folders = {".".join(("lungct", *path.parent.parts)) for path in files()}
    assert sorted(listed) == sorted({"lungct", *folders})
    assert all((ROOT / path.parent / "__init__.py").exists() for path in files())


def test_the_package_imports_lazily_and_exports_everything():
    code = "import sys, time; begun = time.perf_counter(); import lungct; took = time.perf_counter() - begun"
    loaded = python(f"{code}; print(took, *sys.modules)").split()
    assert float(loaded[0]) < 0.1
    assert not [name for name in loaded if name.startswith("lungct.")]
    names = ("Pipeline", "Prediction", "LungSegmenter", "Classifier", "read_scan", "SourceError", "__version__")
    assert set(names) == set(lungct.__all__) <= set(dir(lungct))
    assert all(getattr(lungct, name) for name in names)
    assert lungct.Pipeline is lungct.pipeline.Pipeline
    assert lungct.__version__ == version("lungct")
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        lungct.Nothing  # noqa: B018


@pytest.mark.parametrize("command", [["-m", "lungct"], [str(Path(sys.executable).with_name("lungct"))]])
def test_the_command_prints_its_version(command):
    whole = command if len(command) == 1 else [sys.executable, *command]
    done = subprocess.run([*whole, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"lungct {version('lungct')}\n"


def test_importing_the_pipeline_is_cheap():
    loaded = python("import sys, lungct.pipeline; print(*sys.modules)").split()
    for heavy in (
        "tensorflow",
        "keras",
        "openvino",
        "onnxruntime",
        "scipy",
        "sklearn",
        "matplotlib",
        "typer",
        "pydicom",
        "nibabel",
        "jinja2",
    ):
        assert heavy not in loaded


def test_only_training_loads_tensorflow(covid_slice):
    code = f"import sys; from lungct.pipeline import Pipeline; Pipeline.from_pretrained().predict({str(covid_slice)!r})"
    loaded = python(f"{code}; print(*sys.modules)").split()
    assert {"openvino", "onnxruntime"} & set(loaded) == {"onnxruntime"}
    assert not {"tensorflow", "keras", "albumentations", "scipy", "skimage", "sklearn"} & set(loaded)


@pytest.mark.parametrize(("options", "loaded"), [([], False), (["--html"], True)])
def test_only_pages_load_jinja2(covid_slice, tmp_path, options, loaded):
    arguments = ["predict", str(covid_slice), "--out", str(tmp_path), *options]
    code = f"import sys; from lungct.pipeline.commands.cli import app; app({arguments!r}, standalone_mode=False)"
    assert ("jinja2" in python(f"{code}; print(*sys.modules)").split()) is loaded


def test_every_public_name_exists_and_is_documented():
    for room in ROOMS_MAY_IMPORT:
        if room == "common":
            continue
        module = importlib.import_module(f"lungct.{room}")
        for name in module.__all__:
            thing = getattr(module, name)
            assert thing.__doc__ or not (inspect.isclass(thing) or inspect.isfunction(thing)), f"{room}.{name}"


def test_readme_and_docs_name_only_files_that_exist():
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "examples" / "README.md"):
        for target in re.findall(r"\]\((?!http|#|mailto)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/trust.md",
        "docs/explanations.md",
        "docs/infection.md",
        "docs/usage.md",
        "docs/sources.md",
        "docs/xray.md",
        "docs/embedding.md",
        "docs/batch.md",
        "docs/preprocess.md",
    ],
)
def test_python_in_the_documentation_runs(tmp_path, page):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        done = subprocess.run(
            [sys.executable, "-c", block.replace('"examples/', f'"{ROOT}/examples/')],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_readme_agrees_with_the_cards():
    from lungct.weights import CLASSIFIER, SEGMENTER, load_card

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for figures in load_card(SEGMENTER).metrics["validation"].values():
        for name in ("dice", "dice_tight_crop"):
            assert f"{figures[name]['mean']:.3f}" in text
    for figures in load_card(CLASSIFIER).metrics["validation"].values():
        for name in figures.keys() & {"auc", "accuracy", "sensitivity", "specificity"}:
            interval = figures[name]["interval"]
            words = "" if interval is None else " ({:.3f} to {:.3f})".format(*interval)
            assert f"{figures[name]['value']:.3f}{words}" in text


def test_embedding_example_runs(tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "embed.py", ROOT / "examples" / "slices"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == len(list((ROOT / "examples" / "slices").iterdir()))
    assert "look at" in done.stdout


@pytest.mark.install
def test_wheel_holds_one_top_level_name_and_works_beside_a_users_pipeline_module(tmp_path, wheel):
    """The wheel, unpacked outside the checkout, contains the networks, and `import pipeline` stays the user's."""
    import zipfile

    with zipfile.ZipFile(wheel) as archive:
        tops = {Path(name).parts[0] for name in archive.namelist()}
        assert tops == {"lungct", next(top for top in tops if top.endswith(".dist-info"))}
        every = {
            path for room in ROOMS_MAY_IMPORT for path in (ROOT / room).rglob("*.*") if "__pycache__" not in path.parts
        }
        assert {f"lungct/{path.relative_to(ROOT).as_posix()}" for path in every} <= set(archive.namelist())
        archive.extractall(tmp_path / "site")
    (tmp_path / "pipeline.py").write_text("NAME = 'mine'\n")
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path / 'site')!r}, {str(tmp_path)!r}]\n"
        "import pipeline, lungct.pipeline, lungct.weights\n"
        "assert pipeline.NAME == 'mine'\n"
        f"assert lungct.pipeline.__file__.startswith({str(tmp_path)!r}), lungct.pipeline.__file__\n"
        "pipe = lungct.pipeline.Pipeline.from_pretrained()\n"
        f"judged = pipe.predict({str(ROOT / 'examples/slices/covid19-ny-sbu-A002304.png')!r})\n"
        "assert 'Result sheet' in judged.sheet()\n"
        "print(judged.label)"
    )
    assert python(code).strip() in ("COVID", "non-COVID")
