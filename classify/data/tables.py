"""Read tables about pictures: their patient, the paper they are from, and other details."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...sources import SourceError

PAPER_COLUMNS = ("paper", "group", "doi", "article")
"""Columns, in this order, that name the paper or other collection that a picture was taken from."""

PICTURE_OF_PAPER = re.compile(r"(?P<paper>.+?)-p\d+-\d+")
"""COVID-CT's file names of pictures cut from papers: paper, page, figure."""

DOI_PREFIX = re.compile(r"(https?://(dx\.)?doi\.org/|doi:\s*)?10\.\d{4,9}/", re.IGNORECASE)

NAME_COLUMN = re.compile("file|image", re.IGNORECASE)

PATIENT_COLUMNS = (
    re.compile(r"patient[ _-]?(id)?", re.IGNORECASE),
    re.compile("(?!.*(age|sex)).*patient.*", re.IGNORECASE),
)
"""Patterns for the patient column: first an exact name, then any name with "patient" but without age or sex."""


def read_rows(path: Path, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """Return the lines of a CSV with a header: line numbers, and cells by lower-case column name.

    Raises
    ------
    SourceError
        When the file isn't such a table, one of `columns` is missing, or a line has more cells than the header.
    """
    found: list[tuple[int, dict[str, str]]] = []
    for line, row in _lines(path):
        if not found and (missing := sorted(set(columns) - set(row))):
            raise SourceError(str(path), f"lacks the column {' and '.join(missing)}", "Add it to the header line")
        if row.pop("", ""):
            raise SourceError(f"{path}, line {line}", "has more cells than the header", "Put quotes around commas")
        found.append((line, row))
    return found


def facts_of_files(folder: Path) -> dict[str, dict[str, str]]:
    """Return table rows by file name, from a folder's CSVs that have a column with "file" or "image" in its name."""
    facts: dict[str, dict[str, str]] = {}
    for path in sorted(folder.glob("*.csv")):
        for _, row in _lines(path):
            name = next((column for column in row if NAME_COLUMN.search(column)), None)
            if name and row[name]:
                facts[row[name]] = {
                    column: value for column, value in row.items() if value and column not in ("", name)
                }
    return facts


def patient_column(row: Mapping[str, str]) -> str | None:
    """Return the name of the patient column, or None."""
    return next((column for pattern in PATIENT_COLUMNS for column in row if pattern.fullmatch(column)), None)


def paper_of(row: Mapping[str, str], name: str) -> str:
    """Return the paper or other collection that a picture was taken from; empty if unknown.

    It is read from one of `PAPER_COLUMNS`, where a DOI loses its prefix (such as ``10.1101/``), or else from a file
    name of paper, page and figure, such as ``2020.03.13.20035212-p23-91.png``.
    """
    told = next((row[column] for column in PAPER_COLUMNS if row.get(column)), "")
    if told:
        return DOI_PREFIX.sub("", told)
    found = PICTURE_OF_PAPER.match(name)
    return found["paper"] if found else ""


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line numbers and stripped cells; surplus cells are under an empty name."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restkey="", restval="")
            if not reader.fieldnames:
                raise SourceError(str(path), "is empty", "Add a header and a line for each picture")
            for row in reader:
                cells = {column: " ".join(value) if isinstance(value, list) else value for column, value in row.items()}
                yield reader.line_num, {column.strip().lower(): value.strip() for column, value in cells.items()}
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(str(path), f"is not a CSV in UTF-8 ({error})", "Save it as CSV UTF-8") from error
