"""What the figures were measured on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from lungct.common.threads import available_threads
from lungct.weights import CLASSIFIER, SEGMENTER, load_card
from lungct.weights.engines import choose_engine

PACKAGES = ("lungct", "numpy", "onnxruntime", "openvino", "tensorflow", "keras", "ai-edge-litert")


def describe() -> dict[str, str]:
    """Return processor, memory, system, package versions, networks and date, as words."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": str(available_threads()),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
        "networks": ", ".join(_network(name) for name in (SEGMENTER, CLASSIFIER)),
        "engine, unless a row names another": choose_engine("auto"),
        "load before the run": _load(),
    }


def busy() -> bool:
    """Tell whether other programs disturb measurements on this machine, as far as the system reports it."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.25 * available_threads()


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    facts = dict(part for line in lines if len(part := [side.strip() for side in line.split(":", 1)]) == 2)
    name = facts.get("model name") or platform.processor() or platform.machine()
    vectors = [
        flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in facts.get("flags", "").split()
    ]
    return f"{name} ({', '.join(vectors)})" if vectors else name


def _memory() -> str:
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return "unknown"
    return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _network(name: str) -> str:
    card = load_card(name)
    return f"{card.name} version {card.version} ({card.sha256[:8]})"


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
