"""What a bug report must say of an installation: nothing of files, patients or people, and no path."""

from __future__ import annotations

import locale
import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, version
from typing import get_args

from ...common.machine import memory, processor
from ...common.threads import available_threads
from ...weights import load_card, shipped_names
from ...weights.engines import Engine, choose_engine

REQUIREMENT = re.compile(r"""([\w.-]+)[^;]*(?:;.*extra == ["']([\w-]+)["'])?""")
"""A package's name, and the extra that brings it."""

FOR_DEVELOPERS = ("test", "dev")
"""Extras whose packages no answer depends on."""


def environment() -> dict[str, str]:
    """Return facts by name, in the order they are read."""
    return {
        "lungct": version("lungct"),
        "Python": f"{platform.python_version()} ({platform.python_implementation()}, {platform.machine()})",
        "system": platform.platform(),
        "processor": processor(),
        "processor threads": str(available_threads()),
        "memory": memory(),
        "locale": f"{'.'.join(filter(None, locale.getlocale())) or 'C'}, {_encodings()}",
        "engines": ", ".join(f"{name} {_version(name)}" for name in get_args(Engine) if name != "auto"),
        "engine auto takes": f"{choose_engine('auto')}; for bf16 {choose_engine('auto', 'bf16')}",
        **{f"weights {name}": _weights(name) for name in shipped_names()},
        **{f"package {name}": _version(name) for name in _packages()},
    }


def _encodings() -> str:
    output = getattr(sys.stdout, "encoding", None) or "none"
    return (
        f"files {sys.getfilesystemencoding()}, text {locale.getpreferredencoding(do_setlocale=False)}, output {output}"
    )


def _weights(name: str) -> str:
    card = load_card(name)
    return f"version {card.version}, sha256 {card.sha256[:12]}"


def _packages() -> Iterator[str]:
    """Yield what lungct and its extras require, each once, by name."""
    found = (REQUIREMENT.match(line) for line in distribution("lungct").requires or ())
    names = {match[1] for match in found if match and match[2] not in FOR_DEVELOPERS}
    yield from sorted(names - {"lungct"}, key=str.lower)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
