"""Record the provenance of a report: versions, networks with checksums, the command, and a checksum of the data."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ...classify.data.dataset import Example
from ...sources import Limits, SourceError
from ...weights import CLASSIFIERS, SEGMENTERS, Card, load_card
from ..batch.digest import digest, digest_of
from ..pipeline import Pipeline

PACKAGES = ("lungct", "numpy", "scipy", "scikit-learn", "matplotlib", "onnxruntime", "openvino", "pydicom", "nibabel")


def provenance(
    pipe: Pipeline, measured: Sequence[Example], others: Sequence[Example], command: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the provenance of a report, as JSON types.

    Parameters
    ----------
    pipe : Pipeline
    measured, others : sequence of Example
        All inputs. Their labels, patients, parts and contents determine the checksum of the data.
    command : str
        The command line.
    settings : mapping
        Other settings that affect the figures.
    """
    card = pipe.classifier.card
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "settings": dict(settings),
        "data_sha256": data_checksum([*measured, *others]),
        "measured_parts": sorted({item.part or "without part" for item in measured}),
        "segmenter": {**pipe.segmenter.provenance, "licence": pipe.segmenter.card.licence},
        "classifier": {**pipe.classifier.provenance, "licence": card.licence, "decision": _decision(card)},
        "shipped": [
            stage
            for stage, own, names in (("segmenter", pipe.segmenter.card, SEGMENTERS), ("classifier", card, CLASSIFIERS))
            if own.sha256 == load_card(names[pipe.modality]).sha256
        ],
        "trained_on": [str(row["name"]) for row in card.training_data],
        "versions": {"Python": platform.python_version(), **_versions()},
        "machine": f"{platform.system()} {platform.machine()}",
    }


def data_checksum(examples: Sequence[Example]) -> str:
    """Return the SHA-256 of the data: of each input's name, label, patient, source, part and content, sorted."""
    return digest_of(["\t".join(_line(item)) for item in examples])


def _line(item: Example) -> tuple[str, ...]:
    return item.path.name, str(item.covid), item.patient, item.source, item.part, _content(item.path)


def _content(path: Path) -> str:
    try:
        return digest(path, Limits())
    except (SourceError, OSError):  # the report has a row with this error
        return hashlib.sha256(b"").hexdigest()


def _decision(card: Card) -> dict[str, Any]:
    return {name: value for name, value in card.decision.items() if isinstance(value, int | float | str)}


def _versions() -> dict[str, str]:
    """Return the versions of installed packages; an engine may be missing."""
    found = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
