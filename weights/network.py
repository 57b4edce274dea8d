"""`Network`: a network with the threads to run it on, one slice with all of them or many slices side by side."""

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
"""From one batch to every output of the network."""


class Network:
    """An opened network.

    Parameters
    ----------
    card, engine, precision, threads
        As for `open_session`.
    callers : int
        How many threads will use it side by side, each with its share of the processor's.

    Attributes
    ----------
    threads : int
        Processor threads of one caller.
    provenance : dict
        Name, version, precision, and checksum of the file that runs.

    Raises
    ------
    WeightsError, ValueError
        As `open_session`.
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
        self._opened(callers)  # what is wrong with it shows now

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy what it was made of: opened networks can't travel."""
        return type(self), self._made_of

    def _opened(self, streams: int) -> Session:
        """Return the network opened for so many callers, in this process: a forked child has none of its threads."""
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
        """The network for work that runs side by side, on one thread each: nobody waits for another."""
        return self._session if self.threads == 1 else self._opened(self._all_threads)

    def run(self, inputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return every output of one batch, computed on the caller's threads."""
        return self._session.run(inputs)

    def map(self, work: Callable[[Run, Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Do some work that runs the network for every item, and yield the results in order.

        Many items are worked on side by side, so what surrounds the network overlaps with it. A single item gets all
        threads.

        Parameters
        ----------
        work : callable
            From what runs the network, and an item, to a result. Called from several threads.
        items : iterable
        """
        rest = iter(items)
        first = list(islice(rest, 2))
        if len(first) < 2 or self.threads == 1:
            return (work(self.run, item) for item in chain(first, rest))
        return side_by_side(partial(work, self._single.run), chain(first, rest), self.threads)
