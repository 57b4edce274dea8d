"""Run lungmask's network on PyTorch in a process of its own, once for every line on standard input.

Started by rival.py with the interpreter that has PyTorch and lungmask; imports nothing of lungct. Answers each line
with a line of JSON: first what it runs, or what is missing; then the peak memory so far.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

from ..common.memory import peak_mb

SIZE = 256
"""The size to which lungmask resizes every slice."""


def say(**fields: object) -> None:
    """Answer."""
    print(json.dumps(fields), flush=True)


def load_architecture() -> ModuleType:
    """Return lungmask's module of the network alone: the package around it imports much more."""
    package = importlib.util.find_spec("lungmask")
    folders = (package and package.submodule_search_locations) or []
    spec = importlib.util.spec_from_file_location("resunet", Path(folders[0]) / "resunet.py")
    if spec is None or spec.loader is None:
        raise ImportError("lungmask holds no resunet.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Answer until standard input ends."""
    missing = [name for name in ("torch", "lungmask") if importlib.util.find_spec(name) is None]
    if missing:
        say(missing=f"{' and '.join(missing)} not installed for {sys.executable}")
        return
    import torch

    # As lungmask builds its R231 network; untrained, because weights don't change how long it takes.
    network = load_architecture().UNet(
        n_classes=3, padding=True, depth=5, up_mode="upsample", batch_norm=True, residual=False
    )
    network.eval()
    inputs = torch.rand(1, 1, SIZE, SIZE)
    say(torch=torch.__version__, threads=torch.get_num_threads())
    with torch.inference_mode():
        for _ in sys.stdin:
            network(inputs)
            say(peak_mb=peak_mb())


if __name__ == "__main__":
    main()
