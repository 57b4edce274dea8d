"""Collect what the parts of a data set share, and its duplicates, in one record for a report."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dataset import PARTS, Example
from .leaks import near_duplicates, shared_between_parts
from .perceptual import HASH_SIDE, NEAR

NO_PART = "no part"
"""Name for the part of pictures that have none."""


def leak_table(
    examples: Sequence[Example], hashes: Mapping[int, NDArray[np.uint8]], identities: Mapping[int, str] | None = None
) -> dict[str, Any]:
    """Compare all inputs of a data set, also within each part.

    Parameters
    ----------
    examples : sequence of Example
    hashes : mapping of int to ndarray of uint8, shape (32,)
        Perceptual hashes by the example's index; unreadable inputs have none.
    identities : mapping of int to str, optional
        Hashes of the patients in DICOM headers, by the example's index. They are compared, but not returned.

    Returns
    -------
    dict
        ``compared``: counts; ``patients``: known patients by kind of name; ``shared_patients``, ``shared_papers`` and
        ``shared_dicom``: each with its pictures by part; ``patients_in_sources``: names used by several sources, with
        their pictures by source; and near-duplicate pairs, each in the first of these that applies: ``across_parts``,
        ``two_labels``, ``between_patients`` (one patient under two names, or a copied picture).
    """
    indices = list(hashes)
    kinds: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for first, second, bits in near_duplicates([hashes[index] for index in indices]):
        one, other = examples[indices[first]], examples[indices[second]]
        if kind := _kind(one, other):
            kinds[kind].append(_pair(one, other, bits))
    in_dicom = {examples[index]: name for index, name in (identities or {}).items() if name}
    return {
        "compared": {
            "inputs": len(examples),
            "with_hash": len(hashes),
            "with_hash_by_part": _by_part([examples[index] for index in indices]),
            "with_patient_by_part": _by_part([item for item in examples if item.patient_known]),
            "near": NEAR,
            "bits": HASH_SIDE**2,
        },
        "parts": _by_part(examples),
        "patients": _patients_by_kind([item for item in examples if item.patient_known]),
        "shared_patients": _shared(examples, lambda item: item.patient if item.patient_known else ""),
        "shared_papers": _shared(examples, lambda item: item.paper),
        "shared_dicom": _unnamed(_shared(examples, lambda item: in_dicom.get(item, ""))),
        "patients_in_sources": _names_in_sources(examples),
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
        "labels": " and ".join(item.label for item in (one, other)),
        "patients": " and ".join(dict.fromkeys((one.patient, other.patient))),
    }


def _name(item: Example) -> str:
    return "/".join(filter(None, (item.part, item.path.name)))


def _shared(examples: Sequence[Example], name_of: Callable[[Example], str]) -> list[dict[str, Any]]:
    """Return what is in several parts, with the names of its pictures by part."""
    return [
        {
            "name": one.name,
            "pictures": {part: [path.name for path in one.members[part]] for part in PARTS if part in one.members},
        }
        for one in shared_between_parts(examples, name_of)
    ]


def _unnamed(shared: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Replace the names, which are hashes, by numbers in the order of the pictures."""
    ordered = sorted(shared, key=lambda one: list(one["pictures"].values()))
    return [{**one, "name": f"DICOM patient or series {number}"} for number, one in enumerate(ordered, 1)]


def _by_part(examples: Sequence[Example]) -> dict[str, int]:
    counted = Counter(item.part or NO_PART for item in examples)
    return {part: counted[part] for part in (*PARTS, NO_PART) if counted[part]}


def _names_in_sources(examples: Sequence[Example]) -> list[dict[str, Any]]:
    """Return patient names, without the source prefix, that several sources use."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for item in examples:
        if item.patient_known:
            found[item.patient.removeprefix(f"{item.source}/")][item.source].append(item.path.name)
    return [{"name": name, "pictures": dict(found[name])} for name in sorted(found) if len(found[name]) > 1]


def _patients_by_kind(examples: Sequence[Example]) -> list[dict[str, Any]]:
    """Count patients by the words before their number, such as "crawled_patient", in each part and in several."""
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
