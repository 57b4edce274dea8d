"""Pictures in class folders, grouped by patient, with a validation part that shares none."""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..sources import SourceError, readable_suffixes

POSITIVE, NEGATIVE = "COVID", "NonCOVID"
"""Names of the class folders."""

POSITIVE_NAMES, NEGATIVE_NAMES = ("covid", "1"), ("noncovid", "non-covid", "0")
"""Labels in tables, in any case."""

BLOCK = 25
"""Pictures in a row that count as one patient where patients are unknown: neighbours are often one patient's."""


@dataclass(frozen=True)
class Example:
    """One labelled picture.

    Parameters
    ----------
    path : Path
    covid : bool
    patient : str
        What may not be split apart: a patient, or a block of neighbouring pictures.
    source : str
        The data set.
    part : str
        ``"train"``, ``"val"``, ``"test"``, or ``""`` where the data set doesn't say.
    """

    path: Path
    covid: bool
    patient: str
    source: str
    part: str


def read_folder(folder: Path) -> list[Example]:
    """List the pictures of a data set.

    The folder holds ``COVID/`` and ``NonCOVID/``, or ``train/``, ``val/``, ``test/`` that hold them. Patients come from
    every CSV in it that has a column with "file" or "image" and one with "patient" in its name; pictures
    without a patient are grouped into blocks of `BLOCK` in the order of their numbers.

    Raises
    ------
    SourceError
        When the folders are missing or empty.
    """
    parts = [part for part in ("train", "val", "test") if (folder / part).is_dir()]
    patients = _read_patients(folder)
    examples = []
    for part in parts or [""]:
        for name in (POSITIVE, NEGATIVE):
            for number, path in enumerate(_pictures(folder / part / name)):
                patient = patients.get(path.name, f"{part} {name} block {number // BLOCK}".strip())
                examples.append(Example(path, name == POSITIVE, f"{folder.name}/{patient}", folder.name, part))
    return examples


def read_table(path: Path) -> list[Example]:
    """List the pictures of a CSV: columns ``path``, ``label``, and ``patient``, ``source``, ``split`` where known.

    Paths are relative to the CSV. A label is one of `POSITIVE_NAMES` or `NEGATIVE_NAMES`, a split ``train``, ``val``,
    ``test`` or nothing. Without a patient each picture is its own; without a source the CSV's name is it.

    Raises
    ------
    SourceError
        When a column is missing, a label or split unknown, or the table empty.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        missing = {"path", "label"} - set(rows.fieldnames or ())
        if missing:
            raise SourceError(str(path), f"lacks the column {' and '.join(sorted(missing))}", "Add a header with both")
        examples = [_example(row, path, number) for number, row in enumerate(rows, 2)]
    if not examples:
        raise SourceError(str(path), "lists no picture", "Add a line for each")
    return examples


def read_examples(path: Path) -> list[Example]:
    """List the pictures of a folder (`read_folder`) or a CSV (`read_table`)."""
    return read_table(path) if path.is_file() else read_folder(path)


def _example(row: dict[str, str], table: Path, line: int) -> Example:
    label, part = row["label"].strip().lower(), (row.get("split") or "").strip().lower()
    if label not in POSITIVE_NAMES + NEGATIVE_NAMES:
        allowed = ", ".join(POSITIVE_NAMES + NEGATIVE_NAMES)
        raise SourceError(f"{table}, line {line}", f"has the label {row['label']!r}", f"Use one of {allowed}")
    if part not in ("", "train", "val", "test"):
        raise SourceError(f"{table}, line {line}", f"has the split {part!r}", "Use train, val, test or nothing")
    source = row.get("source") or table.stem
    patient = f"{source}/{row.get('patient') or row['path']}"
    return Example(table.parent / row["path"], label in POSITIVE_NAMES, patient, source, part)


def split_examples(
    examples: Sequence[Example], share: float, seed: int, exclude: Sequence[str] = ()
) -> tuple[list[Example], list[Example]]:
    """Split into training and validation, by the data set's own parts or else by patient and class.

    Pictures of a test part are in neither.

    Parameters
    ----------
    examples : sequence of Example
    share : float
        Share of patients or blocks of each class kept for validation where a data set has no parts.
    seed : int
    exclude : sequence of str
        Training pictures whose name contains one of these are left out.
    """
    train = [item for item in examples if item.part == "train"]
    val = [item for item in examples if item.part == "val"]
    undecided = [item for item in examples if not item.part]
    for source in sorted({item.source for item in undecided}):
        for covid in (True, False):
            chosen = [item for item in undecided if item.source == source and item.covid == covid]
            groups = sorted({item.patient for item in chosen})
            random.Random(seed).shuffle(groups)  # noqa: S311 - a split, no secret
            held_out = set(groups[: max(1, round(share * len(groups)))])
            train += [replace(item, part="train") for item in chosen if item.patient not in held_out]
            val += [replace(item, part="val") for item in chosen if item.patient in held_out]
    return without_training(train, exclude), val


def without_training(examples: Sequence[Example], exclude: Sequence[str]) -> list[Example]:
    """Leave out the training pictures whose name contains one of `exclude`."""
    return [item for item in examples if item.part != "train" or not any(text in item.path.name for text in exclude)]


def to_measure(examples: Sequence[Example]) -> list[Example]:
    """Return the pictures an evaluation is about: of each data set the test part, else the val part, else all."""
    chosen: list[Example] = []
    for source in sorted({item.source for item in examples}):
        own = [item for item in examples if item.source == source]
        parts = {item.part for item in own}
        wanted = next((part for part in ("test", "val") if part in parts), None)
        chosen += [item for item in own if wanted is None or item.part == wanted]
    return chosen


def balanced_draw(examples: Sequence[Example], count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw indices, the same number from each data set and class, each set's pictures used up before any repeats."""
    groups: dict[tuple[str, bool], list[int]] = {}
    for index, item in enumerate(examples):
        groups.setdefault((item.source, item.covid), []).append(index)
    share = -(-count // len(groups))
    drawn = []
    for members in groups.values():
        rounds = [rng.permutation(members) for _ in range(-(-share // len(members)))]
        drawn.append(np.concatenate(rounds)[:share])
    return rng.permutation(np.concatenate(drawn))[:count].astype(np.intp)


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise SourceError(str(folder), "is missing", f"Put pictures into folders named {POSITIVE} and {NEGATIVE}")
    paths = [path for path in folder.iterdir() if path.suffix.lower() in readable_suffixes()]
    if not paths:
        raise SourceError(str(folder), "holds no picture", f"Put {', '.join(readable_suffixes())} files there")
    return sorted(paths, key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort "9" before "10"."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]


def _read_patients(folder: Path) -> dict[str, str]:
    patients: dict[str, str] = {}
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            names = [name for name in rows.fieldnames or () if re.search("file|image", name, re.IGNORECASE)]
            ids = [name for name in rows.fieldnames or () if re.search("patient", name, re.IGNORECASE)]
            if names and ids:
                patients |= {row[names[0]]: row[ids[0]] for row in rows if row[ids[0]]}
    return patients
