"""What the figures were measured on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from datetime import UTC, datetime

from lungct.common.machine import memory, processor
from lungct.common.threads import available_threads
from lungct.weights import CLASSIFIER, SEGMENTER, load_card
from lungct.weights.engines import choose_engine

PACKAGES = ("lungct", "numpy", "onnxruntime", "openvino", "tensorflow", "keras", "ai-edge-litert")


def describe() -> dict[str, str]:
    """Return processor, memory, system, package versions, networks and date, as words."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": processor(),
        "cores": str(available_threads()),
        "memory": memory(),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
        "networks": ", ".join(_network(name) for name in (SEGMENTER, CLASSIFIER)),
        "engine, unless a row names another": choose_engine("auto"),
        "load before the run": _load(),
    }


def busy() -> bool:
    """Tell whether other programs disturb measurements on this machine, as far as the system reports it."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.25 * available_threads()


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
