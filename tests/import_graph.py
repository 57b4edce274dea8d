"""Which file imports which, read from the source: imports inside functions and for type checkers count too."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from .conftest import ROOT

ROOMS = ("common", "sources", "weights", "lungseg", "classify", "pipeline")

Graph = Mapping[Path, frozenset[Path]]
"""Files relative to the root, and the files that each imports."""


def files() -> list[Path]:
    """Return the Python files of the rooms."""
    return sorted(path.relative_to(ROOT) for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def import_graph() -> Graph:
    known = frozenset(files())
    return {path: frozenset(_imported(path, known)) for path in known}


def absolute_imports(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports by absolute name."""
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""


def _imported(path: Path, known: frozenset[Path]) -> Iterator[Path]:
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or node.level == 0:
            continue
        base = [path, *path.parents][node.level].joinpath(*(node.module or "").split("."))
        for alias in node.names:
            inside = base / alias.name
            ways = (inside.with_suffix(".py"), inside / "__init__.py", base.with_suffix(".py"), base / "__init__.py")
            found = next((way for way in ways if way in known), None)
            assert found is not None, f"{path} imports {alias.name} from nowhere"
            yield found


def circles(graph: Graph) -> list[list[Path]]:
    """Return the groups of files that import each other (Tarjan's strongly connected components)."""
    index: dict[Path, int] = {}
    low: dict[Path, int] = {}
    stack: list[Path] = []
    found: list[list[Path]] = []

    def visit(path: Path) -> None:
        index[path] = low[path] = len(index)
        stack.append(path)
        for other in graph[path]:
            if other not in index:
                visit(other)
                low[path] = min(low[path], low[other])
            elif other in stack:
                low[path] = min(low[path], index[other])
        if low[path] == index[path]:
            at = stack.index(path)
            group = stack[at:]
            del stack[at:]
            if len(group) > 1 or path in graph[path]:
                found.append(sorted(group))

    for path in graph:
        if path not in index:
            visit(path)
    return found
