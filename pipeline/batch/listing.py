"""Expand files, folders, globs, tables and URLs to the list of a batch's inputs."""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...common.modality import Modality
from ...sources import DicomSeries, Limits, SourceError
from ...sources.formats import readable_suffixes
from .inputs import Input, list_inputs, name_of
from .locks import require_batch_extra
from .remote import RemoteFile, find_remote, is_url, local_path

TABLES = (".csv", ".parquet")
"""Suffixes of tables that list inputs."""

LIMITS = Limits(max_files=100_000_000)
"""A batch may have any number of files; the limits for a single input still apply."""

SOURCE_COLUMNS = ("source", "path", "file", "image", "filename")
"""Columns to look for, in this order, if none is named."""


@dataclass(frozen=True)
class Item:
    """One input of a batch.

    Parameters
    ----------
    key : str
        Unique key that is the same in every run.
    source : Path, DicomSeries, RemoteFile or SourceError
        What to read, or why it can't be read.
    extra : mapping
        Other columns of the table that listed it, as JSON types.
    """

    key: str
    source: Input | RemoteFile
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The path, URL or description of the input."""
        return str(self.source) if isinstance(self.source, RemoteFile) else name_of(self.source)


@dataclass(frozen=True)
class Listing:
    """The inputs of a batch.

    Parameters
    ----------
    items : list of Item
    extras : mapping of str to str
        Columns from tables, with their types; see `lungct.pipeline.batch.journal.TYPES`.
    """

    items: list[Item]
    extras: Mapping[str, str]

    def shard(self, number: int, of: int) -> list[Item]:
        """Return the items of one shard, counted from 1. They are chosen by key, independent of the listing's order."""
        if not 1 <= number <= of:
            raise ValueError(f"shard must be a number and a count such as (2, 8), not ({number}, {of})")
        return [item for item in self.items if int(item.key, 16) % of == number - 1]


def list_items(
    given: Sequence[str | os.PathLike[str]],
    column: str | None = None,
    results: Collection[str] = (),
    outside: Path | None = None,
    modality: Modality = "ct",
) -> Listing:
    """List all inputs of a batch.

    Parameters
    ----------
    given : sequence of str or path
        Files; folders and ZIP archives, which are searched for scans (see `lungct.sources.find_sources`); patterns with
        ``*``, ``?`` or ``**``; CSV or Parquet tables with one input per row, whose paths may be relative to the table;
        and URLs of files, folders, patterns or tables, with any protocol that fsspec supports.
    column : str, optional
        The tables' path column; by default, the first of `SOURCE_COLUMNS` that exists.
    results : collection of str
        Names of result columns; other columns of tables with these names are renamed.
    outside : Path, optional
        A folder to leave out of searches, because results in it are not inputs.
    modality : {"ct", "xray"}
        Which DICOM files to look for in folders and archives.

    Returns
    -------
    Listing
        In the order given. Inputs that can't be found are included as a SourceError.

    Raises
    ------
    SourceError
        When a table can't be read or has no path column.
    MissingPackageError
        When packages are missing.
    """
    require_batch_extra()
    found: list[tuple[Input | RemoteFile, Mapping[str, Any]]] = []
    extras: dict[str, str] = {}
    for one in map(str, given):
        if one.lower().endswith(TABLES):
            rows, kinds = _read_table(one, column, results)
            for name, kind in kinds.items():
                extras[name] = kind if extras.get(name, kind) == kind else "string"
            found += [(source, extra) for path, extra in rows for source in _expand(path, outside, modality)]
        else:
            found += [(source, {}) for source in _expand(one, outside, modality)]
    mixed = {name for name, kind in extras.items() if kind == "string"}
    return Listing([*_numbered(found, mixed)], extras)


def _numbered(found: Iterable[tuple[Input | RemoteFile, Mapping[str, Any]]], texts: set[str]) -> Iterator[Item]:
    """Yield items with keys, made from the absolute path and the number of times it has occurred before."""
    seen: Counter[str] = Counter()
    for source, extra in found:
        item = Item("", source, {name: _text(value) if name in texts else value for name, value in extra.items()})
        place = _place(source)
        key = hashlib.sha256(f"{place}\0{seen[place]}".encode(errors="surrogateescape")).hexdigest()[:20]
        seen[place] += 1
        yield Item(key, source, item.extra)


def _place(source: Input | RemoteFile) -> str:
    """Return an identifier of an input that doesn't depend on other files: its path, for a series folder and UID."""
    if isinstance(source, DicomSeries):
        part = f"\0{source.part}" if source.part else ""
        return f"{os.path.commonpath([file.path.absolute() for file in source.files])}\0{source.uid}{part}"
    name = str(source) if isinstance(source, RemoteFile) else name_of(source)
    return name if is_url(name) else str(Path(name).absolute())


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _expand(one: str, outside: Path | None, modality: Modality) -> Iterator[Input | RemoteFile]:
    """Yield the inputs that a path, a pattern or a URL refers to."""
    if not one.strip():
        yield SourceError("empty path", "names no file", "Check the variable that it comes from")
        return
    if is_url(one) and local_path(one) is None:
        yield from find_remote(one, (*readable_suffixes(), ".dcm", ".ima", ".zip"))
        return
    path = local_path(one) or one
    if re.search(r"[*?\[]", path) and not Path(path).exists():
        matches = sorted(glob.glob(path, recursive=True))  # noqa: PTH207 - Path.glob doesn't accept absolute patterns
        if not matches:
            yield SourceError(one, "matches no file", "Check it, and quote it so that the shell doesn't expand it")
        if "**" in path:  # files in these folders match by themselves
            matches = [match for match in matches if not Path(match).is_dir()]
        paths = [Path(match) for match in matches]
    else:
        paths = [Path(path)]
    away = None if outside is None else outside.absolute()
    for source in list_inputs(paths, LIMITS, modality):
        given = isinstance(source, Path) and source in paths
        if away is None or given or not Path(name_of(source)).absolute().is_relative_to(away):
            yield source


def _read_table(
    name: str, column: str | None, results: Collection[str]
) -> tuple[list[tuple[str, dict[str, Any]]], dict[str, str]]:
    """Return each row's path and other columns, and the types of the other columns."""
    rows, kinds = _table(name)
    wanted = [column] if column else [known for known in SOURCE_COLUMNS if known in kinds]
    if not wanted or wanted[0] not in kinds:
        raise SourceError(
            name,
            f"has no column {' or '.join([column] if column else SOURCE_COLUMNS)}, only {', '.join(kinds) or 'none'}",
            "Name the path column with --path-column",
        )
    chosen = wanted[0]
    names = _own_names([other for other in kinds if other != chosen], results)
    paths = []
    for number, row in enumerate(rows, 2):
        path = row.pop(chosen)
        if not path:
            raise SourceError(name, f"has no path in row {number}", "Fill it in or remove the row")
        paths.append((_beside(name, str(path)), {names[other]: value for other, value in row.items()}))
    return paths, {names[other]: kind for other, kind in kinds.items() if other != chosen}


def _own_names(columns: Sequence[str], results: Collection[str]) -> dict[str, str]:
    """Return names for the carried columns that don't clash with result columns or with each other."""
    names: dict[str, str] = {}
    for column in columns:
        own = column
        while own in results or (own != column and own in columns):
            own = f"input_{own}"
        names[column] = own
    return names


def _beside(table: str, path: str) -> str:
    """Resolve a path in a table; relative paths start at the table's folder."""
    if is_url(path) or Path(path).is_absolute():
        return path
    return f"{table.rsplit('/', 1)[0]}/{path}" if is_url(table) else str(Path(table).parent / path)


def _table(name: str) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Read a CSV table, with all values as strings, or a Parquet table, as JSON types."""
    import fsspec
    import pyarrow
    import pyarrow.csv
    import pyarrow.parquet

    try:
        with fsspec.open(name, "rb") as file:
            if name.lower().endswith(".parquet"):
                table = pyarrow.parquet.read_table(file)
            else:  # read all columns as strings, so that 007 doesn't become 7
                table = pyarrow.csv.read_csv(file)
                file.seek(0)
                words = pyarrow.csv.ConvertOptions(  # and the value NA doesn't become null
                    column_types=dict.fromkeys(table.column_names, pyarrow.string()),
                    strings_can_be_null=True,
                    null_values=[""],
                )
                table = pyarrow.csv.read_csv(file, convert_options=words)
    except (OSError, ImportError, ValueError, pyarrow.ArrowException) as error:
        raise SourceError(
            name, f"can't be read as a table ({error})", "Give a CSV with a header, or Parquet"
        ) from error
    if len({*table.column_names}) < len(table.column_names):
        raise SourceError(name, "has two columns with the same name", "Rename one")
    kinds = {column.name: _kind(column.type) for column in table.schema}
    rows = table.to_pylist()
    for row in rows:
        row.update({column: _text(row[column]) for column, kind in kinds.items() if kind == "string"})
    return rows, kinds


def _kind(arrow: Any) -> str:
    import pyarrow.types as types

    if types.is_boolean(arrow):
        return "bool"
    if types.is_integer(arrow) and not types.is_uint64(arrow):
        return "int64"
    return "double" if types.is_floating(arrow) else "string"
