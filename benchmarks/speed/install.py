"""How much of a disk an installation takes."""

from __future__ import annotations

import importlib.metadata
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import lungct.pipeline

from ..common.sections import Row, Section
from .settings import Figures, Settings

ROOMS = ("common", "sources", "weights", "lungseg", "classify", "pipeline")


def measure_install(_settings: Settings, _figures: Figures) -> tuple[Section, Figures]:
    """Add up the files of every package that lungct requires, directly or not."""
    rows: list[Row] = [{"install": "lungct itself, with its networks", "MB": own_size()}]
    for name, extras in (("lungct", frozenset[str]()), ("lungct[train]", frozenset({"train"}))):
        sizes, missing = required_sizes("lungct", extras)
        largest = sorted(sizes, key=lambda package: -sizes[package])[:5]
        rows.append(
            {
                "install": name,
                "MB": own_size() + sum(sizes.values()),
                "packages": len(sizes) + 1,
                "largest, MB": ", ".join(f"{package} {sizes[package]:.0f}" for package in largest),
                "not installed here": ", ".join(missing) or None,
            }
        )
    note = "As installed here, including the bytecode that Python compiled during installation."
    return Section("install", "Install size", rows, note), {}


def own_size() -> float:
    """Return the size of lungct's own files, MB; its packages may be in a working tree."""
    root = Path(lungct.pipeline.__file__).parents[1]
    files = (path for room in ROOMS for path in (root / room).rglob("*") if "__pycache__" not in path.parts)
    return sum(path.stat().st_size for path in files if path.is_file()) / 1e6


def required_sizes(name: str, extras: frozenset[str]) -> tuple[dict[str, float], list[str]]:
    """Return the size in MB of every package that a package needs, and the names of missing ones."""
    sizes: dict[str, float] = {}
    missing: set[str] = set()
    done: set[tuple[str, frozenset[str]]] = set()
    waiting = list(_requirements(importlib.metadata.distribution(name), extras))
    while waiting:
        package, wanted = waiting.pop()
        if package == name or (package, wanted) in done:
            continue
        done.add((package, wanted))
        try:
            found = importlib.metadata.distribution(package)
        except PackageNotFoundError:
            missing.add(package)
            continue
        sizes[package] = _size(found)
        waiting += _requirements(found, wanted)
    return sizes, sorted(missing)


def _requirements(package: Distribution, extras: frozenset[str]) -> list[tuple[str, frozenset[str]]]:
    """Return name and extras of each requirement that holds on this system."""
    found = []
    for line in package.requires or []:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras | {""}):
            found.append((str(canonicalize_name(requirement.name)), frozenset(requirement.extras)))
    return found


def _size(package: Distribution) -> float:
    paths = (Path(str(package.locate_file(file))) for file in package.files or [])
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6
