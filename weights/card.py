"""Define the model card: a JSON file beside each network with everything that inference needs to know."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..common.modality import Modality
from .errors import WeightsError

SHIPPED = Path(__file__).parent
"""Folder of the networks that ship with the package."""

PLAIN = re.compile(r"\w[\w.-]{0,200}", re.ASCII)
"""Allowed file names in a card."""

SEGMENTER = "bcdunet-lung"
"""Name of the shipped lung segmenter."""

CLASSIFIER = "efficientnetb0-covid"
"""Name of the shipped classifier."""

RECOGNIZER = "chest-modality"
"""Name of the shipped network that distinguishes X-rays from CT."""

SEGMENTERS: Mapping[Modality, str] = {"ct": SEGMENTER, "xray": "bcdunet-lung-xray"}
"""Names of the lung segmenters."""

CLASSIFIERS: Mapping[Modality, str] = {"ct": CLASSIFIER, "xray": "efficientnetb0-covid-xray"}
"""Names of the classifiers."""


@dataclass(frozen=True)
class Card:
    """One network: its files, the input it expects, its training data and its metrics.

    Parameters
    ----------
    name, version : str
        Together they identify the weights in every result.
    task : str
        What the network does, in one sentence.
    file, sha256 : str
        The ONNX network in the card's folder, and its checksum.
    keras_file, keras_sha256 : str
        The same weights for Keras (half precision, ``.npz``), to continue training from.
    architecture : mapping
        Arguments of the function that builds the network.
    preprocessing : mapping
        Settings of the stage's preprocessing.
    decision : mapping
        Settings that turn the output into an answer: ``threshold``, ``temperature`` and so on.
    training_data : list of mapping
        Each with ``name``, ``slices``, ``patients``, ``licence`` and so on.
    metrics : mapping
        Validation metrics with n and intervals, and the recipe and package versions that reproduce them.
    licence : str
        Licence of the weights.
    int8 : mapping
        The quantised network, ``file`` and ``sha256``; empty if there is none.
    trust : mapping
        Reference data for the reliability of answers, ``file`` and ``sha256``, see `lungct.classify.trust.trust`; empty
        if there are none.
    modality : {"ct", "xray"}
        The modality that the network is for.
    caution : str
        What every user must know about its training data; empty if there is nothing special.
    folder : Path
        Folder of the card; not part of the file.

    Raises
    ------
    WeightsError
        For a name that is not a plain file name.
    """

    name: str
    version: str
    task: str
    file: str
    sha256: str
    keras_file: str
    keras_sha256: str
    architecture: Mapping[str, Any]
    preprocessing: Mapping[str, Any]
    decision: Mapping[str, Any]
    training_data: list[Mapping[str, Any]]
    metrics: Mapping[str, Any]
    licence: str
    int8: Mapping[str, str] = field(default_factory=dict)
    trust: Mapping[str, str] = field(default_factory=dict)
    modality: Modality = "ct"
    caution: str = ""
    folder: Path = field(default=SHIPPED, compare=False)

    def __post_init__(self) -> None:
        """Refuse file names that point outside the card's folder."""
        beside = [one.get("file", "") for one in (self.int8, self.trust)]
        for name in (self.name, self.file, self.keras_file, *beside):
            if name and not (isinstance(name, str) and PLAIN.fullmatch(name)):
                raise WeightsError(f"{name!r} in a card is not a plain file name. Use letters, digits, '.', '-', '_'")

    @property
    def path(self) -> Path:
        """Path of the ONNX network."""
        return self.folder / self.file

    @property
    def keras_path(self) -> Path:
        """Path of the Keras weights."""
        return self.folder / self.keras_file

    def network(self, precision: str) -> tuple[Path, str]:
        """Return the file and the checksum of the network at a precision.

        Raises
        ------
        WeightsError
            When there is no quantised network.
        """
        if precision != "int8":
            return self.path, self.sha256
        if not self.int8:
            raise WeightsError(f"{self.name} has no int8 network. Use f32, or train it again: training writes one")
        return self.folder / self.int8["file"], self.int8["sha256"]

    @property
    def files(self) -> list[tuple[Path, str]]:
        """All files of the network, each with its checksum."""
        others = [(self.folder / one["file"], one["sha256"]) for one in (self.int8, self.trust) if one]
        return [(self.path, self.sha256), *others, (self.keras_path, self.keras_sha256)]

    def to_dict(self) -> dict[str, Any]:
        """Return the contents of the card's file."""
        return {key: value for key, value in asdict(self).items() if key != "folder"}

    def write_beside(self, name: str, content: bytes) -> dict[str, str]:
        """Write a file into the card's folder and return its name and checksum, for `int8` or `trust`."""
        (self.folder / name).write_bytes(content)
        return {"file": name, "sha256": hashlib.sha256(content).hexdigest()}

    def write(self) -> Path:
        """Write the card into its folder and return its path."""
        path = self.folder / f"{self.name}.json"
        path.write_text(json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return path


def shipped_names() -> list[str]:
    """Return the names of the networks that ship with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.json"))


def load_card(name: str | Path) -> Card:
    """Read a card.

    Parameters
    ----------
    name : str or Path
        Name of a shipped network, or path of your own card (``.json``).

    Raises
    ------
    WeightsError
        When the file doesn't exist or isn't a card.
    """
    path = Path(name) if str(name).endswith(".json") else SHIPPED / f"{name}.json"
    if not path.exists():
        raise WeightsError(f"{path} does not exist. Shipped networks: {', '.join(shipped_names()) or 'none'}.")
    try:
        return Card(**json.loads(path.read_text(encoding="utf-8")), folder=path.parent)
    except (TypeError, ValueError, OSError) as error:
        raise WeightsError(f"{path} is not a model card ({error}). Reinstall lungct, or give another card.") from error


def read_verified(path: Path, sha256: str) -> bytes:
    """Read a file and verify its checksum.

    Raises
    ------
    WeightsError
        When the file is missing or its checksum differs.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path} can't be read ({error}). Reinstall lungct, or give another card.") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise WeightsError(
            f"{path} was modified or is cut off: its sha256 is {found}, but its card says {sha256}. "
            "Reinstall lungct, or restore the file."
        )
    return content
