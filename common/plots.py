"""Create Matplotlib figures, with Matplotlib's cache in the temporary folder instead of the user's home."""

from __future__ import annotations

import getpass
import os
import tempfile
from pathlib import Path
from typing import Any


def new_figure(width: float, height: float) -> Any:
    """Return an empty matplotlib.figure.Figure, width and height in inches.

    Raises
    ------
    ModuleNotFoundError
        When Matplotlib is not installed.
    """
    if "MPLCONFIGDIR" not in os.environ:  # read once, on import
        own = Path(tempfile.gettempdir()) / f"lungct-matplotlib-{getpass.getuser()}"
        own.mkdir(mode=0o700, exist_ok=True)
        os.environ["MPLCONFIGDIR"] = str(own)
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")
