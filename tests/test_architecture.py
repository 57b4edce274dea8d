"""What holds the rooms apart: import directions, cheap imports, and one name in site-packages."""

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT

MAY_IMPORT = {
    "sources": set(),
    "weights": set(),
    "lungseg": {"sources", "weights"},
    "classify": {"sources", "weights"},
    "pipeline": {"sources", "weights", "lungseg", "classify"},
}


def python(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("room", list(MAY_IMPORT))
def test_imports_point_one_way(room):
    for path in (ROOT / room).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 2:
                other = (node.module or "").split(".")[0]
                assert other in MAY_IMPORT[room], f"{path} imports {other}"
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            assert not any(name.split(".")[0] == "lungct" for name in names), f"{path}: import relatively"


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
    ):
        assert heavy not in loaded


def test_training_alone_loads_tensorflow(covid_slice):
    code = f"import sys; from lungct.pipeline import Pipeline; Pipeline.from_pretrained().predict({str(covid_slice)!r})"
    loaded = python(f"{code}; print(*sys.modules)").split()
    assert len({"openvino", "onnxruntime"} & set(loaded)) == 1  # one engine, whichever suits the processor
    assert not {"tensorflow", "keras", "albumentations", "skimage"} & set(loaded)


def test_every_public_name_exists_and_is_documented():
    for room in MAY_IMPORT:
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


def test_readme_says_what_the_cards_say():
    from lungct.weights import CLASSIFIER, SEGMENTER, load_card

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for figures in load_card(SEGMENTER).metrics["validation"].values():
        for name in ("dice", "dice_tight_crop"):
            assert f"{figures[name]['mean']:.3f}" in text
    for figures in load_card(CLASSIFIER).metrics["validation"].values():
        for name in ("auc", "accuracy", "sensitivity", "specificity"):
            low, high = figures[name]["interval"]
            assert f"{figures[name]['value']:.3f} ({low:.3f} to {high:.3f})" in text


def test_embedding_example_runs(tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "embed.py", ROOT / "examples" / "slices"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == len(list((ROOT / "examples" / "slices").iterdir()))
    assert "look at" in done.stdout


@pytest.mark.install
def test_wheel_holds_one_top_level_name_and_works_beside_a_users_pipeline_module(tmp_path):
    """Built wheel, unpacked where no checkout is: the networks come along, and `import pipeline` stays the user's."""
    import zipfile

    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, ROOT],
        check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        tops = {Path(name).parts[0] for name in archive.namelist()}
        assert tops == {"lungct", next(top for top in tops if top.endswith(".dist-info"))}
        archive.extractall(tmp_path / "site")
    (tmp_path / "pipeline.py").write_text("NAME = 'mine'\n")
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path / 'site')!r}, {str(tmp_path)!r}]\n"
        "import pipeline, lungct.pipeline, lungct.weights\n"
        "assert pipeline.NAME == 'mine'\n"
        f"assert lungct.pipeline.__file__.startswith({str(tmp_path)!r}), lungct.pipeline.__file__\n"
        "pipe = lungct.pipeline.Pipeline.from_pretrained()\n"
        f"print(pipe.predict({str(ROOT / 'examples/slices/covid19-ny-sbu-A002304.png')!r}).label)"
    )
    assert python(code).strip() in ("COVID", "non-COVID")
