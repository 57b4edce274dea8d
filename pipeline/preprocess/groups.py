"""Group rows that must stay together, and split data so that no group is in two parts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...classify.data.perceptual import HASH_BYTES, NEAR, near_pairs

PARTS = ("train", "val", "test")
"""Parts of a split."""

Edges = Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]]
"""Pairs of rows that belong together, in chunks."""


@dataclass(frozen=True)
class Split:
    """How data are split.

    Parameters
    ----------
    shares : tuple of float
        Shares of training, validation and test, which must add up to 1.
    seed : int
        The same seed and data give the same split.

    Raises
    ------
    ValueError
        For invalid shares.
    """

    shares: tuple[float, ...] = (0.8, 0.1, 0.1)
    seed: int = 0

    def __post_init__(self) -> None:
        good = len(self.shares) == len(PARTS) and all(0 <= share <= 1 for share in self.shares)
        if not good or not math.isclose(sum(self.shares), 1, abs_tol=1e-6):
            given = ",".join(map(str, self.shares))
            raise ValueError(
                f"shares of {', '.join(PARTS)} must be three numbers that add up to 1, such as 0.8,0.1,0.1, not {given}"
            )


@dataclass(frozen=True)
class Grouping:
    """Which rows belong together, and how to split them.

    Parameters
    ----------
    by : tuple of str
        Columns of input tables, such as ``patient``; rows with the same value stay together.
    near : int or None
        Slices stay together if at most this many of their 256 hash bits differ; None disables the comparison.
    split : Split, optional
        If omitted, the data are not split.
    """

    by: tuple[str, ...] = ()
    near: int | None = NEAR
    split: Split | None = None


def group_rows(
    together: Sequence[Sequence[Any]], hashes: Sequence[str | None], near: int | None, threads: int | None = None
) -> NDArray[np.int64]:
    """Group rows that belong together, directly or through other rows.

    Parameters
    ----------
    together : sequence of sequence
        Columns; rows with the same value belong together. None and empty values are ignored.
    hashes : sequence of str or None
        Perceptual hashes as hexadecimal digits.
    near : int or None
        Rows belong together if at most this many bits of their hashes differ; None disables the comparison.
    threads : int, optional
        Processor threads; by default, as many as this process may use.

    Returns
    -------
    ndarray of int64, shape (rows,)
        Group numbers, in order of appearance.
    """
    labels = np.arange(len(hashes))
    for column in together:
        labels = _join(labels, [_same(column)])
    if near is not None:
        hashed = np.flatnonzero([text is not None for text in hashes])
        bits = np.frombuffer(bytes.fromhex("".join(filter(None, hashes))), np.uint8).reshape(-1, HASH_BYTES)
        pairs = near_pairs(bits, near, threads)
        labels = _join(labels, ((hashed[one], hashed[other]) for one, other in pairs))
    _, first, which = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[which])


def split_groups(groups: NDArray[np.int64], counted: NDArray[np.bool_], split: Split) -> NDArray[np.str_]:
    """Assign whole groups to the parts of a split, the largest first.

    Each group goes to a random part that has room for it, with a probability proportional to the room, so that groups
    of every size get into every part; if none has room, it goes to the part with the most. No part exceeds its share by
    more than one group.

    Parameters
    ----------
    groups : ndarray of int64, shape (rows,)
        Group numbers, from 0.
    counted : ndarray of bool, shape (rows,)
        Rows that count for the shares; other rows follow their group.
    split : Split

    Returns
    -------
    ndarray of str, shape (rows,)
        "train", "val" or "test".
    """
    sizes = np.bincount(groups, weights=counted).astype(np.int64)
    random = np.random.default_rng(split.seed)
    draws, order = random.random(len(sizes)), random.permutation(len(sizes))
    room = np.array([share * sizes.sum() if share else -np.inf for share in split.shares])
    parts = np.zeros(len(sizes), dtype=np.int64)
    for group in order[np.argsort(-sizes[order], kind="stable")]:
        fits = np.where(room >= sizes[group], room, 0).cumsum()
        chosen = np.searchsorted(fits, draws[group] * fits[-1], side="right") if fits[-1] > 0 else room.argmax()
        parts[group] = chosen
        room[chosen] -= sizes[group]
    return np.array(PARTS)[parts[groups]]


def _same(column: Sequence[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair every row with the first row that has the same value."""
    first: dict[Any, int] = {}
    rows = [row for row, value in enumerate(column) if value is not None and value != ""]
    return np.array(rows, dtype=np.int64), np.array(
        [first.setdefault(column[row], row) for row in rows], dtype=np.int64
    )


def _join(labels: NDArray[np.int64], edges: Edges) -> NDArray[np.int64]:
    """Return row labels, from 0, after joining rows connected by edges, without holding all edges in memory."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    for one, other in edges:
        apart = labels[one] != labels[other]
        if apart.any():
            ends = labels[one][apart], labels[other][apart]
            graph = coo_array((np.ones(len(ends[0]), np.bool_), ends), shape=(len(labels),) * 2)
            labels = connected_components(graph, directed=False)[1][labels]
    return labels
