"""Define `Network`, which runs one slice on all threads, or many slices in parallel."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..common.forks import ForkSafeLock
from ..common.threads import available_threads, side_by_side
from .card import Card
from .engines import Engine, Precision, Session, open_session

Item = TypeVar("Item")
Result = TypeVar("Result")

_OPENING = ForkSafeLock()

Run = Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]
"""Takes one batch and returns all outputs of the network."""


class Network:
    """An opened network.

    Parameters
    ----------
    card, engine, precision, threads
        As for `open_session`.
    callers : int
        Number of threads that will use it in parallel; each gets its share of the processor threads.

    Attributes
    ----------
    threads : int
        Processor threads for each caller.
    provenance : dict
        Name, version, precision, and checksum of the file that runs.

    Raises
    ------
    WeightsError, ValueError
        As for `open_session`.
    """

    def __init__(
        self,
        card: Card,
        engine: Engine = "auto",
        precision: Precision = "f32",
        threads: int | None = None,
        callers: int = 1,
    ) -> None:
        self._made_of = (card, engine, precision, threads, callers)
        self._all_threads = threads or available_threads()
        self.threads = max(1, self._all_threads // max(1, callers))
        self.provenance = {
            "name": card.name,
            "version": card.version,
            "precision": precision,
            "sha256": card.network(precision)[1],
        }
        self._sessions: dict[tuple[int, int], Session] = {}
        self._opened(callers)  # so that errors show now

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy the constructor's arguments, because opened networks can't be pickled."""
        return type(self), self._made_of

    def _opened(self, streams: int) -> Session:
        """Return the session for `streams` callers in this process; a forked child opens its own."""
        key = os.getpid(), streams
        if key not in self._sessions:
            card, engine, precision, *_ = self._made_of
            with _OPENING:
                if key not in self._sessions:
                    self._sessions[key] = open_session(card, engine, precision, self._all_threads, streams)
        return self._sessions[key]

    @property
    def _session(self) -> Session:
        return self._opened(self._made_of[-1])

    @property
    def _single(self) -> Session:
        """The session for parallel work with one thread per item."""
        return self._session if self.threads == 1 else self._opened(self._all_threads)

    def run(self, inputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return all outputs for one batch, computed on the caller's share of threads."""
        return self._session.run(inputs)

    def map(self, work: Callable[[Run, Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Apply a function that runs the network to every item, and yield the results in order.

        Several items are processed in parallel, so that pre- and postprocessing overlap with the network. A single item
        gets all threads.

        Parameters
        ----------
        work : callable
            Takes a `Run` and an item, and returns a result. Called from several threads.
        items : iterable
        """
        rest = iter(items)
        first = list(islice(rest, 2))
        if len(first) < 2 or self.threads == 1:
            return (work(self.run, item) for item in chain(first, rest))
        return side_by_side(partial(work, self._single.run), chain(first, rest), self.threads)
