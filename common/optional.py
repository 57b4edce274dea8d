"""Check for optional packages before work begins, and name the command that installs them."""

from __future__ import annotations

import importlib.util
import json
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

PACKAGES = {"skimage": "scikit-image", "sklearn": "scikit-learn"}
"""Packages whose names differ from their modules' by more than hyphens."""


class MissingPackageError(ImportError):
    """A needed package is not installed; the message names it and says how to install it."""


def require(*modules: str, purpose: str, extra: str | None = None) -> None:
    """Check that packages are installed, without importing them.

    Parameters
    ----------
    modules : str
        Names that they are imported by.
    purpose : str
        What needs them, as the start of a sentence.
    extra : str, optional
        The extra of lungct that contains them. Without one, the message says to install them by name.

    Raises
    ------
    MissingPackageError
        Names all that are missing.

    Examples
    --------
    >>> require("numpy", purpose="Arithmetic")
    >>> require("no_such", purpose="Magic")
    Traceback (most recent call last):
    lungct.common.optional.MissingPackageError: Magic needs no-such. Run: pip install no-such
    """
    missing = [PACKAGES.get(name, name.replace("_", "-")) for name in modules if not importlib.util.find_spec(name)]
    if missing:
        remedy = _install(extra) if extra else f"Run: pip install {' '.join(missing)}"
        raise MissingPackageError(f"{purpose} needs {', '.join(missing)}. {remedy}")


def _install(extra: str) -> str:
    """Return how to install an extra from lungct's own origin: on an index, its name may be a stranger's package."""
    place, editable = _origin()
    if place is None:
        return f"Install lungct again from where you got it, with the extra: pip install 'FOLDER_OR_WHEEL[{extra}]'"
    return f"Run: pip install {'--editable ' if editable else ''}'{place}[{extra}]'"


def _origin() -> tuple[Path | None, bool]:
    """Return the folder or wheel that lungct was installed from, if it still exists, and whether it is editable.

    Installers record it as PEP 610 says, except for packages from an index.
    """
    # there may be several: a checkout in the current folder counts as one
    written = [found.read_text("direct_url.json") for found in distributions(name="lungct")]
    record = json.loads(next(filter(None, written), "{}"))
    url = urlsplit(record.get("url", ""))
    place = Path(url2pathname(url.path))
    known = url.scheme == "file" and place.exists()
    return (place if known else None), bool(record.get("dir_info", {}).get("editable"))
