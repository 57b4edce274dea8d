"""List labelled pictures in folders or tables, and split them so that no patient is in two parts."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...sources import SourceError, readable_suffixes
from ..trust.conformal import LABELS
from .tables import PAPER_COLUMNS, facts_of_files, paper_of, patient_column, read_rows

POSITIVE, NEGATIVE = "COVID", "NonCOVID"
"""Names of the class folders."""

POSITIVE_NAMES, NEGATIVE_NAMES = ("covid", "1"), ("noncovid", "non-covid", "0")
"""Labels in tables, in upper or lower case."""

PARTS = ("train", "val", "test")
"""Parts a data set may be split into."""

BLOCK = 25
"""Consecutive pictures that count as one patient if patients are unknown: neighbours often show the same patient."""


@dataclass(frozen=True)
class Example:
    """One labelled picture.

    Parameters
    ----------
    path : Path
    covid : bool
    patient : str
        The unit that is never split: a patient, or a block of neighbouring pictures.
    source : str
        The data set.
    part : str
        ``"train"``, ``"val"``, ``"test"``, or ``""`` if the data set doesn't say.
    paper : str
        The paper or other collection that it was taken from; see `lungct.classify.data.tables.paper_of`.
    details : dict of str to str
        Other table columns, such as age, sex and scanner, by lower-case column name.
    patient_known : bool
        Whether the patient is known; if not, `patient` is a block of neighbours or the picture itself.
    """

    path: Path
    covid: bool
    patient: str
    source: str
    part: str
    paper: str = ""
    details: dict[str, str] = field(default_factory=dict, hash=False)
    patient_known: bool = True

    @property
    def infected(self) -> bool | None:
        """Whether the lungs are infected, from a table's column ``infected``, 1 or 0; None if it doesn't say."""
        return {"1": True, "0": False}.get(self.details.get("infected", ""))

    @property
    def label(self) -> str:
        """The picture's class, one of `lungct.classify.trust.conformal.LABELS`."""
        return LABELS[0] if self.covid else LABELS[1]


def read_folder(folder: Path, subfolders: bool = False) -> list[Example]:
    """List the pictures of a data set.

    The folder contains ``COVID/`` and ``NonCOVID/``, or ``train/``, ``val/`` and ``test/`` with these subfolders.
    Patients, papers and details are read from every CSV in the folder that has a column with "file" or "image" in its
    name; pictures without a patient are grouped into blocks of `BLOCK` in numerical order.

    Parameters
    ----------
    folder : Path
    subfolders : bool
        Whether class folders may contain subfolders, each of them one scan.

    Raises
    ------
    SourceError
        When the folders are missing or empty.
    """
    parts = [part for part in PARTS if (folder / part).is_dir()]
    facts = facts_of_files(folder)
    examples = []
    for part in parts or [""]:
        for name in (POSITIVE, NEGATIVE):
            for number, path in enumerate(_pictures(folder / part / name, subfolders)):
                details = facts.get(path.name, {})
                told = patient_column(details)
                patient = details[told] if told else f"{part} {name} block {number // BLOCK}".strip()
                paper = paper_of(details, path.name)
                rest = _without(details, (told,))
                whose = (f"{folder.name}/{patient}", folder.name, part, paper, rest, told is not None)
                examples.append(Example(path, name == POSITIVE, *whose))
    return examples


def read_table(path: Path, folder: Path | None = None) -> list[Example]:
    """List the pictures in a CSV with columns ``path``, ``label``, and optionally ``patient``, ``source``, ``split``.

    A label is one of `POSITIVE_NAMES` or `NEGATIVE_NAMES`; a split is ``train``, ``val``, ``test`` or empty. A picture
    without a patient counts as one patient; the default source is the CSV's name. The paper is taken from a column or
    from the file name (see `paper_of`); other columns are details.

    Parameters
    ----------
    path : Path
    folder : Path, optional
        Folder of the pictures. Paths that don't exist there, or all paths if it is omitted, are relative to the CSV.

    Raises
    ------
    SourceError
        When a column is missing, a label or split is unknown, or the table is empty.
    """
    examples = [_example(row, path, line, folder) for line, row in read_rows(path, ("path", "label"))]
    if not examples:
        raise SourceError(str(path), "lists no pictures", "Add a line for each picture")
    return examples


def read_examples(path: Path, subfolders: bool = False) -> list[Example]:
    """List the pictures of a folder (see `read_folder`) or a CSV (see `read_table`)."""
    return read_table(path) if path.is_file() else read_folder(path, subfolders)


def _example(row: dict[str, str], table: Path, line: int, folder: Path | None) -> Example:
    label, part = row["label"].lower(), row.get("split", "").lower()
    if not row["path"]:
        raise SourceError(f"{table}, line {line}", "has no path", "Fill it in, or delete the line")
    if label not in POSITIVE_NAMES + NEGATIVE_NAMES:
        allowed = ", ".join(POSITIVE_NAMES + NEGATIVE_NAMES)
        raise SourceError(f"{table}, line {line}", f"has the label {row['label']!r}", f"Use one of {allowed}")
    if part not in ("", *PARTS):
        raise SourceError(f"{table}, line {line}", f"has the split {part!r}", "Use train, val, test or nothing")
    source = row.get("source") or (folder.name if folder else table.stem)
    patient = f"{source}/{row.get('patient') or row['path']}"
    beside = table.parent / row["path"]
    path = folder / row["path"] if folder and ((folder / row["path"]).exists() or not beside.exists()) else beside
    rest = _without(row, ("path", "label", "patient", "source", "split"))
    paper, is_known = paper_of(row, path.name), bool(row.get("patient"))
    return Example(path, label in POSITIVE_NAMES, patient, source, part, paper, rest, is_known)


def _without(row: dict[str, str], columns: Sequence[str | None]) -> dict[str, str]:
    return {name: value for name, value in row.items() if value and name not in (*columns, *PAPER_COLUMNS)}


def split_examples(
    examples: Sequence[Example], share: float, seed: int, exclude: Sequence[str] = ()
) -> tuple[list[Example], list[Example]]:
    """Split into training and validation, by the data set's own parts or else by patient and class.

    Pictures of a test part are in neither part.

    Parameters
    ----------
    examples : sequence of Example
    share : float
        Share of patients or blocks of each class kept for validation if a data set has no parts.
    seed : int
    exclude : sequence of str
        Training pictures whose file name contains one of these are left out.
    """
    train = [item for item in examples if item.part == "train"]
    val = [item for item in examples if item.part == "val"]
    undecided = [item for item in examples if not item.part]
    for source in sorted({item.source for item in undecided}):
        for covid in (True, False):
            chosen = [item for item in undecided if item.source == source and item.covid == covid]
            groups = sorted({item.patient for item in chosen})
            random.Random(seed).shuffle(groups)  # noqa: S311 - for a split, not a secret
            held_out = set(groups[: max(1, round(share * len(groups)))])
            train += [replace(item, part="train") for item in chosen if item.patient not in held_out]
            val += [replace(item, part="val") for item in chosen if item.patient in held_out]
    return without_training(train, exclude), val


def without_training(examples: Sequence[Example], exclude: Sequence[str]) -> list[Example]:
    """Leave out the training pictures whose file name contains one of `exclude`."""
    return [item for item in examples if item.part != "train" or not any(text in item.path.name for text in exclude)]


def to_measure(examples: Sequence[Example]) -> list[Example]:
    """Return the pictures to evaluate: each data set's test part, or its val part, or all if it has no parts.

    A data set with only a training part was trained on, so none of it is measured.

    Raises
    ------
    SourceError
        When no pictures are left.
    """
    chosen: list[Example] = []
    sources = sorted({item.source for item in examples})
    for source in sources:
        own = [item for item in examples if item.source == source]
        parts = {item.part for item in own}
        wanted = next((part for part in ("test", "val") if part in parts), "" if parts == {""} else None)
        chosen += [item for item in own if item.part == wanted]
    if not chosen:
        remedy = "Give it a test or val part, or use --all-parts to measure the training pictures"
        raise SourceError(", ".join(sources), "has only training pictures", remedy)
    return chosen


def without_repeats(examples: Sequence[Example]) -> tuple[list[Example], list[Path]]:
    """Return each picture once, and the paths listed again in the same part with the same label.

    Pictures listed with two labels or in two parts are kept, because `lungct.classify.data.leak_table` reports them.
    """
    found: dict[tuple[Path, bool, str], Example] = {}
    repeated = []
    for item in examples:
        key = (item.path.resolve(), item.covid, item.part)
        if key in found:
            repeated.append(item.path)
        found.setdefault(key, item)
    return list(found.values()), repeated


def balanced_draw(
    examples: Sequence[Example], labels: NDArray[np.bool_], count: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Draw indices, so that large data sets don't drown the small ones.

    Each data set and label gets a share in proportion to the square root of its size; all pictures of a group are used
    before any is repeated.
    """
    groups: dict[tuple[str, bool], list[int]] = {}
    for index, (item, label) in enumerate(zip(examples, labels, strict=True)):
        groups.setdefault((item.source, bool(label)), []).append(index)
    roots = sum(len(members) ** 0.5 for members in groups.values())
    drawn = []
    for members in groups.values():
        share = int(np.ceil(count * len(members) ** 0.5 / roots))
        rounds = [rng.permutation(members) for _ in range(-(-share // len(members)))]
        drawn.append(np.concatenate(rounds)[:share])
    return rng.permutation(np.concatenate(drawn))[:count].astype(np.intp)


def _pictures(folder: Path, subfolders: bool) -> list[Path]:
    if not folder.is_dir():
        raise SourceError(str(folder), "is missing", f"Put pictures into folders named {POSITIVE} and {NEGATIVE}")
    suffixes = (*readable_suffixes(), ".zip") if subfolders else readable_suffixes()
    paths = [path for path in folder.iterdir() if path.name.lower().endswith(suffixes)]
    if subfolders:
        paths += [path for path in folder.iterdir() if path.is_dir() and path not in paths]
    if not paths:
        raise SourceError(str(folder), "holds no pictures", f"Put {', '.join(readable_suffixes())} files there")
    return sorted(paths, key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort "9" before "10"."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]
