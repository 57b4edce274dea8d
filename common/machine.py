"""Describe the processor and memory of this machine, as far as the system reports them."""

from __future__ import annotations

import os
import platform
from pathlib import Path

FLAGS = (
    "avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16",  # x86
    "asimd", "asimddp", "i8mm", "bf16", "sve",  # ARM
)  # fmt: skip
"""Features that decide how fast networks run, under Linux's names: wide vectors, int8 and bf16 arithmetic."""


def processor() -> str:
    """Return the processor's name and which of `FLAGS` it has."""
    facts = _facts()
    name = facts.get("model name") or platform.processor() or platform.machine()
    known = (facts.get("flags") or facts.get("Features") or "").split()
    flags = [flag for flag in FLAGS if flag in known]
    return f"{name} ({', '.join(flags)})" if flags else name


def memory() -> str:
    """Return how much memory the machine has."""
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return "unknown"
    return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"


def _facts() -> dict[str, str]:
    """Return what Linux reports about the last core."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    return dict(part for line in lines if len(part := [side.strip() for side in line.split(":", 1)]) == 2)
