"""Write ``manifest.parquet`` and ``manifest.csv``: every slice of a preprocessed data set, its group and its part."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...common.text import write_csv
from ...common.whole_files import whole_file
from ..batch.journal import Store, arrow_type
from ..batch.listing import Listing
from .groups import Grouping, group_rows, split_groups

MANIFEST = ("manifest.parquet", "manifest.csv")
"""File names of the manifest; both contain the same rows."""

ADDED = ("group", "split")
"""Columns that a manifest may have in addition to those of slices."""


def write_manifest(
    folder: Path, store: Store, listing: Listing, grouping: Grouping | None = None, threads: int | None = None
) -> None:
    """Write the rows of all shards; each file is written atomically.

    Parameters
    ----------
    folder : Path
    store : Store
        A closed store.
    listing : Listing
        The inputs in the desired order, with the current table columns; other inputs of earlier runs follow.
    grouping : Grouping, optional
        Adds ``group`` and, if requested, ``split``.
    threads : int, optional
        Processor threads for comparing hashes.

    Raises
    ------
    OSError
        When a file can't be written.
    """
    import pyarrow
    import pyarrow.compute
    import pyarrow.parquet

    table = _in_order(_all_rows(store), [item.key for item in listing.items])
    table = _as_tables_say(table, listing)
    if grouping is not None:
        together = [table[name].to_pylist() for name in ("key", *grouping.by)]
        groups = group_rows(together, table["hash"].to_pylist(), grouping.near, threads)
        table = table.append_column("group", pyarrow.array(groups))
        if grouping.split is not None:
            written = table["file"].is_valid().to_numpy()
            table = table.append_column("split", pyarrow.array(split_groups(groups, written, grouping.split)))
    with whole_file(folder / MANIFEST[0]) as aside:
        pyarrow.parquet.write_table(table, aside)
    words = pyarrow.compute.binary_join(table["warnings"], ";")  # CSV has no lists
    flat = table.set_column(table.column_names.index("warnings"), "warnings", words)
    with whole_file(folder / MANIFEST[1]) as aside:
        rows = (row for batch in flat.to_batches(max_chunksize=65_536) for row in batch.to_pylist())
        write_csv(aside, flat.column_names, rows)


def summary_of(folder: Path) -> str:
    """Summarise a manifest in a few words."""
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(folder / MANIFEST[0])
    table = table.filter(table["file"].is_valid())
    said = f"{len(table)} slices"
    if "group" in table.column_names:
        sizes = np.unique(table["group"].to_numpy(), return_counts=True)[1]
        said += f" in {len(sizes)} groups, the largest with {sizes.max(initial=0)}"
    if "split" in table.column_names:
        counts = {pair["values"]: pair["counts"] for pair in table["split"].value_counts().to_pylist()}
        said += "; " + ", ".join(f"{name} {counts.get(name, 0)}" for name in ("train", "val", "test"))
    return said


def _all_rows(store: Store) -> Any:
    """Return the rows of all Parquet files as one table."""
    import pyarrow
    import pyarrow.parquet

    schema = pyarrow.schema([(name, arrow_type(kind)) for name, kind in store.columns.items()])
    tables = [pyarrow.parquet.read_table(path, schema=schema) for path in sorted(store.parts.glob("part-*.parquet"))]
    return pyarrow.concat_tables([schema.empty_table(), *tables])


def _as_tables_say(table: Any, listing: Listing) -> Any:
    """Replace the columns from input tables by their current values, which may have been corrected."""
    import pyarrow

    extras = {item.key: item.extra for item in listing.items}
    keys = table["key"].to_pylist()
    for name, kind in listing.extras.items():
        stored = table[name].to_pylist()
        now = [extras[key].get(name) if key in extras else old for key, old in zip(keys, stored, strict=True)]
        column = pyarrow.array(now, arrow_type(kind))
        table = table.set_column(table.column_names.index(name), name, column)
    return table


def _in_order(table: Any, keys: Sequence[str]) -> Any:
    """Sort rows by input, then slice; an input processed by two shards at once counts once."""
    places = {key: place for place, key in enumerate(keys)}
    found = table["key"].to_pylist()
    for key in found:
        places.setdefault(key, len(places))
    inputs = np.array([places[key] for key in found], dtype=np.int64)
    slices = table["slice_index"].fill_null(-1).to_numpy()
    order = np.lexsort((slices, inputs))
    named = np.stack([inputs[order], slices[order]])
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (named[:, 1:] != named[:, :-1]).any(axis=0)
    return table.take(order[new])
