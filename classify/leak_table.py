"""Everything the parts of a data set share, and what stands in it twice, as one record for a report."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dataset import PARTS, Example
from .leaks import Shared, near_duplicates, shared_between_parts
from .perceptual import HASH_SIDE, NEAR

NO_PART = "no part"
"""Stands for the part of what has none."""


def leak_table(examples: Sequence[Example], hashes: Mapping[int, NDArray[np.uint8]]) -> dict[str, Any]:
    """Compare all inputs of a data set, those of one part among each other, too.

    Parameters
    ----------
    examples : sequence of Example
    hashes : mapping of int to ndarray of uint8, shape (32,)
        Perceptual hashes by the example's index; what can't be read has none.

    Returns
    -------
    dict
        ``compared``, counts; ``patients``, by the kind of their names; ``shared_patients`` and ``shared_papers``, each
        with its pictures by part; and pairs of near-duplicates, each pair in the first of these: ``across_parts``,
        ``two_labels``, ``between_patients`` (a patient twice under two names, or a picture copied).
    """
    indices, parts = list(hashes), Counter(item.part or NO_PART for item in examples)
    kinds: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for first, second, bits in near_duplicates([hashes[index] for index in indices]):
        one, other = examples[indices[first]], examples[indices[second]]
        if kind := _kind(one, other):
            kinds[kind].append(_pair(one, other, bits))
    return {
        "compared": {"inputs": len(examples), "with_hash": len(hashes), "near": NEAR, "bits": HASH_SIDE**2},
        "parts": {part: count for part in (*PARTS, NO_PART) if (count := parts[part])},
        "patients": _patients_by_kind(examples),
        "shared_patients": [_shared(one) for one in shared_between_parts(examples, lambda item: item.patient)],
        "shared_papers": [_shared(one) for one in shared_between_parts(examples, lambda item: item.paper)],
        "papers": len({item.paper for item in examples} - {""}),
        **{kind: kinds[kind] for kind in ("across_parts", "two_labels", "between_patients")},
    }


def _kind(one: Example, other: Example) -> str | None:
    if one.part != other.part:
        return "across_parts"
    if one.covid != other.covid:
        return "two_labels"
    return "between_patients" if one.patient != other.patient else None


def _pair(one: Example, other: Example, bits: int) -> dict[str, Any]:
    return {
        "first": _name(one),
        "second": _name(other),
        "bits that differ": bits,
        "labels": " and ".join("COVID" if item.covid else "non-COVID" for item in (one, other)),
        "patients": " and ".join(dict.fromkeys((one.patient, other.patient))),
    }


def _name(item: Example) -> str:
    return "/".join(filter(None, (item.part, item.path.name)))


def _shared(one: Shared) -> dict[str, Any]:
    members = {part: one.members[part] for part in PARTS if part in one.members}
    return {"name": one.name, "pictures": {part: [path.name for path in own] for part, own in members.items()}}


def _patients_by_kind(examples: Sequence[Example]) -> list[dict[str, Any]]:
    """Count patients by the words before their numbers, such as "crawled_patient": in each part, and in several."""
    parts: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for item in examples:
        kind = re.sub(r"[\s_-]*\d.*", "", item.patient)
        parts[kind][item.patient].add(item.part or NO_PART)
    found_parts = {item.part or NO_PART for item in examples}
    every = [part for part in (*PARTS, NO_PART) if part in found_parts]
    return [
        {
            "names": f"{kind} …",
            **{part: sum(part in found for found in parts[kind].values()) for part in every},
            "in several parts": sum(len(found) > 1 for found in parts[kind].values()),
        }
        for kind in sorted(parts)
    ]
