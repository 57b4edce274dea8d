"""Find leaks between the parts of a split: the same or near-duplicate pictures, shared patients and papers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...sources import Scan, read_scan
from .dataset import Example
from .perceptual import HASH_SIDE, NEAR, near_pairs, perceptual_hash

LeakRule = Literal["refuse", "drop", "allow"]
"""What to do about leaks; see `settle_leaks`."""

NAMED = 5
"""Number of leaks named in a message."""


@dataclass(frozen=True)
class Leak:
    """Two pictures in different parts that should not both be used.

    Parameters
    ----------
    first, second : Path
    reason : {"same patient", "near-duplicate"}
    detail : str
        The patient, or the number of differing hash bits.
    """

    first: Path
    second: Path
    reason: str
    detail: str

    def __str__(self) -> str:
        """Return the leak as one line for a message."""
        return f"{self.first} and {self.second}: {self.reason} ({self.detail})"


@dataclass(frozen=True)
class Shared:
    """A patient or paper that several parts of a data set have in common.

    Parameters
    ----------
    name : str
    members : mapping of str to list of Path
        Its pictures by part.
    """

    name: str
    members: Mapping[str, list[Path]]


class NearDuplicates(NamedTuple):
    """Two pictures that look alike: their indices, and the number of differing hash bits."""

    first: int
    second: int
    bits: int


def find_leaks(examples: Sequence[Example]) -> list[Leak]:
    """Compare the parts of a data set (train, val, test) with each other.

    Parameters
    ----------
    examples : sequence of Example
        Pictures without a `part` are not compared.

    Returns
    -------
    list of Leak
        One for each shared patient, and one for each near-duplicate pair.

    Raises
    ------
    SourceError
        When a picture can't be read.
    """
    parted = [item for item in examples if item.part]
    if len({item.part for item in parted}) < 2:
        return []
    leaks = [
        Leak(one[0], other[0], "same patient", shared.name)
        for shared in shared_between_parts(parted, lambda item: item.patient)
        for one, other in combinations(shared.members.values(), 2)
    ]
    for first, second, bits in near_duplicates([scan_hash(read_scan(item.path)) for item in parted]):
        one, two = parted[first], parted[second]
        if one.part != two.part:
            leaks.append(Leak(one.path, two.path, "near-duplicate", f"{bits} of {HASH_SIDE**2} bits differ"))
    return leaks


def settle_leaks(changed: Sequence[Example], others: Sequence[Example], leaks: LeakRule) -> list[Example]:
    """Compare the pictures of one part with those of the other parts, and apply the rule for leaks.

    Parameters
    ----------
    changed : sequence of Example
        The part that pictures may be dropped from: the training part in training, the measured part in evaluation.
    others : sequence of Example
        The other parts.
    leaks : {"refuse", "drop", "allow"}
        Raise an error; leave leaking pictures of `changed` out; or do nothing.

    Returns
    -------
    list of Example
        The remaining pictures of `changed`.

    Raises
    ------
    ValueError
        When there are leaks and the rule is "refuse"; the message names the first ones.
    """
    if leaks == "allow":
        return list(changed)
    found = find_leaks([*changed, *others])
    if found and leaks == "refuse":
        first = "\n".join(map(str, found[:NAMED]))
        more = f"\nand {len(found) - NAMED} more pairs" if len(found) > NAMED else ""
        raise ValueError(
            f"parts of the data share patients or pictures:\n{first}{more}\n"
            "Use --leaks drop to leave them out, or --leaks allow if they are there on purpose."
        )
    patients = {leak.detail for leak in found if leak.reason == "same patient"}
    paths = {path for leak in found if leak.reason == "near-duplicate" for path in (leak.first, leak.second)}
    return [item for item in changed if item.patient not in patients and item.path not in paths]


def shared_between_parts(examples: Sequence[Example], name_of: Callable[[Example], str]) -> list[Shared]:
    """Return the patients (or papers) that are in more than one part, sorted by name.

    Parameters
    ----------
    examples : sequence of Example
    name_of : callable
        Returns the patient or paper of a picture; empty names are not compared.
    """
    found: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for item in examples:
        if item.part and name_of(item):
            found[name_of(item)][item.part].append(item.path)
    return [Shared(name, dict(found[name])) for name in sorted(found) if len(found[name]) > 1]


def near_duplicates(hashes: Sequence[NDArray[np.uint8]], near: int = NEAR) -> list[NearDuplicates]:
    """Return all pairs of pictures that look alike, the most similar first.

    Parameters
    ----------
    hashes : sequence of ndarray of uint8, shape (32,)
        See `perceptual_hash`.
    near : int
        Largest number of differing bits.
    """
    if not hashes:
        return []
    bits = np.stack(hashes)
    same, *blocks = near_pairs(bits, near)
    members: dict[int, list[int]] = defaultdict(list)
    for index, first in zip(*same, strict=True):
        members[int(first)].append(int(index))
    found = [pair for alike in members.values() for pair in combinations(alike, 2)]
    for one, other in (pair for block in blocks for pair in zip(*block, strict=True)):
        found += product(members[int(one)], members[int(other)])
    ordered = ((min(pair), max(pair)) for pair in found)
    pairs = [NearDuplicates(*pair, int(np.bitwise_count(bits[pair[0]] ^ bits[pair[1]]).sum())) for pair in ordered]
    return sorted(pairs, key=lambda pair: (pair.bits, pair.first, pair.second))


def scan_hash(scan: Scan) -> NDArray[np.uint8]:
    """Return the perceptual hash of a scan's middle slice, packed bits uint8 (32,)."""
    return perceptual_hash(scan.pixels[len(scan) // 2], scan.intensity)
