"""Packages that not everybody needs: looked for before work begins, and named with the command that installs them."""

from __future__ import annotations

import importlib.util
import json
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

PACKAGES = {"skimage": "scikit-image", "sklearn": "scikit-learn"}
"""Packages whose module is called otherwise, apart from hyphens."""


class MissingPackageError(ImportError):
    """A package that this needs is not installed; the message names it and says how to install it."""


def require(*modules: str, purpose: str, extra: str | None = None) -> None:
    """Check that packages are installed, without importing them.

    Parameters
    ----------
    modules : str
        Under the names they are imported by.
    purpose : str
        What needs them, as the beginning of a sentence.
    extra : str, optional
        The extra of lungct that brings them. Without one, people install them by name.

    Raises
    ------
    MissingPackageError
        Naming all that are missing.

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
    """Say how to install an extra from where lungct came: its bare name may be a stranger's package on an index."""
    place, editable = _origin()
    if place is None:
        return f"Install lungct again from where it came, with its extra: pip install 'FOLDER_OR_WHEEL[{extra}]'"
    return f"Run: pip install {'--editable ' if editable else ''}'{place}[{extra}]'"


def _origin() -> tuple[Path | None, bool]:
    """Return the folder or wheel that lungct was installed from, if it is still there, and whether editable.

    Installers write it down as PEP 610 says, but for packages from an index.
    """
    written = [
        found.read_text("direct_url.json") for found in distributions(name="lungct")
    ]  # a checkout may be another
    record = json.loads(next(filter(None, written), "{}"))
    url = urlsplit(record.get("url", ""))
    place = Path(url2pathname(url.path))
    known = url.scheme == "file" and place.exists()
    return (place if known else None), bool(record.get("dir_info", {}).get("editable"))
