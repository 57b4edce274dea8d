"""Pictures that stand in two parts of a split, as themselves, as near-duplicates, or through their patient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..sources import read_scan
from ..sources.intensity import LUNG_WINDOW, apply_window
from .dataset import Example

HASH_SIDE = 16
"""The perceptual hash has this squared bits."""

NEAR = 40
"""Bits of 256 that may differ: COVID-CT's two parts come no nearer than 58, neighbours in a series lie at 22 to 80."""

LeakRule = Literal["refuse", "drop", "allow"]
"""What to do about leaks, see `settle_leaks`."""

NAMED = 5
"""Leaks a message names."""


@dataclass(frozen=True)
class Leak:
    """Two pictures of different parts that should not both be there.

    Parameters
    ----------
    first, second : Path
    reason : {"same patient", "near-duplicate"}
    detail : str
        The patient, or how many bits of the hashes differ.
    """

    first: Path
    second: Path
    reason: str
    detail: str

    def __str__(self) -> str:
        """Return one line for a message."""
        return f"{self.first} and {self.second}: {self.reason} ({self.detail})"


def find_leaks(examples: Sequence[Example]) -> list[Leak]:
    """Compare every two parts of a data set (train, val, test).

    Parameters
    ----------
    examples : sequence of Example
        With their `part`; pictures without one are not compared.

    Returns
    -------
    list of Leak
        One for each shared patient, and one for each pair of near-duplicates.
    """
    parts = sorted({item.part for item in examples if item.part})
    members = {part: [item for item in examples if item.part == part] for part in parts}
    hashes = {part: perceptual_hashes(item.path for item in chosen) for part, chosen in members.items()}
    leaks = []
    for one, other in combinations(parts, 2):
        leaks += _shared_patients(members[one], members[other])
        leaks += _near_duplicates(members[one], members[other], hashes[one], hashes[other])
    return leaks


def settle_leaks(changed: Sequence[Example], others: Sequence[Example], leaks: LeakRule) -> list[Example]:
    """Compare the pictures of a part with those of the other parts, and do what the rule says.

    Parameters
    ----------
    changed : sequence of Example
        Training pictures when training, measured ones when measuring.
    others : sequence of Example
        The other parts.
    leaks : {"refuse", "drop", "allow"}
        Stop; leave pictures of `changed` out; or look away.

    Returns
    -------
    list of Example
        What is left of `changed`.

    Raises
    ------
    ValueError
        When there are leaks to refuse, naming the first of them.
    """
    if leaks == "allow":
        return list(changed)
    found = find_leaks([*changed, *others])
    if found and leaks == "refuse":
        first = "\n".join(map(str, found[:NAMED]))
        more = f"\nand {len(found) - NAMED} more pairs" if len(found) > NAMED else ""
        raise ValueError(
            f"parts of the data share patients or pictures:\n{first}{more}\n"
            "Give --leaks drop to leave them out, or --leaks allow if you know why they are there."
        )
    patients = {leak.detail for leak in found if leak.reason == "same patient"}
    paths = {path for leak in found if leak.reason == "near-duplicate" for path in (leak.first, leak.second)}
    return [item for item in changed if item.patient not in patients and item.path not in paths]


def perceptual_hashes(paths: Iterable[Path]) -> NDArray[np.uint8]:
    """Return the perceptual hash of each picture, packed bits uint8 (n, 32) (imagehash's phash)."""
    import imagehash

    found = []
    for path in paths:
        scan = read_scan(path)
        grey = apply_window(scan.pixels[len(scan) // 2], scan.intensity, LUNG_WINDOW)
        picture = Image.fromarray(np.rint(grey * 255).astype(np.uint8))
        found.append(np.packbits(imagehash.phash(picture, hash_size=HASH_SIDE).hash.ravel()))
    return np.stack(found)


def _shared_patients(one: Sequence[Example], other: Sequence[Example]) -> list[Leak]:
    first = {item.patient: item.path for item in one}
    second = {item.patient: item.path for item in other}
    return [
        Leak(first[patient], second[patient], "same patient", patient)
        for patient in sorted(first.keys() & second.keys())
    ]


def _near_duplicates(
    one: Sequence[Example], other: Sequence[Example], hashes: NDArray[np.uint8], others: NDArray[np.uint8]
) -> list[Leak]:
    leaks = []
    for item, own in zip(one, hashes, strict=True):
        distances = np.bitwise_count(others ^ own).sum(axis=1)
        for near in np.flatnonzero(distances <= NEAR):
            detail = f"{distances[int(near)]} of {HASH_SIDE**2} bits differ"
            leaks.append(Leak(item.path, other[int(near)].path, "near-duplicate", detail))
    return leaks
