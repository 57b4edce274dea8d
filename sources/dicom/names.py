"""Name the series of a folder for people: where each was found, and what tells it from the others there."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from .grouping import Group

WAYS: tuple[Callable[[Group], str], ...] = (
    lambda group: group.first.title,
    lambda group: group.part,
    lambda group: group.first.uid,
    lambda group: f"{group.first.size[0]} x {group.first.size[1]}",
    lambda group: " ".join(f"{value:.3g}" for value in group.first.directions),
    lambda group: " ".join(f"{value:.3g} mm" for value in group.first.spacing),
    lambda group: f"from {group.first.file.member or group.first.file.path.name}",
)
"""What may tell apart the series of one folder, in this order. Patients go by folder or file, never by name."""


def names_of(groups: Sequence[Group]) -> list[str]:
    """Return a name for each series: its folder or only file, and its title if another series shares that."""
    homes = [_home(group) for group in groups]
    beside: dict[str, list[int]] = defaultdict(list)
    for index, home in enumerate(homes):
        beside[home].append(index)
    names = homes[:]
    for home, indices in beside.items():
        for index, label in zip(indices, _labels([groups[index] for index in indices]), strict=True):
            single = len(indices) > 1 and len(groups[index].files) == 1
            names[index] = str(groups[index].first.file) if single else f"{home}{label}"
    return names


def _home(group: Group) -> str:
    """Return the archive, the only file, or the deepest folder that contains all files."""
    if group.first.file.member:
        return str(group.first.file.path)
    return os.path.commonpath([one.file.path for one in group.files])


def _labels(groups: list[Group]) -> list[str]:
    """Return what tells groups apart, in brackets: the title, and as much else as is needed."""
    if len(groups) == 1:
        return [""]
    labels = [""] * len(groups)
    for way in WAYS:
        shared = Counter(labels)
        said = [way(group) for group in groups]
        of_label: dict[str, set[str]] = defaultdict(set)
        for label, text in zip(labels, said, strict=True):
            of_label[label].add(text)
        labels = [
            ", ".join(filter(None, [label, text]))
            if shared[label] > 1 and (len(of_label[label]) > 1 or not label)
            else label
            for label, text in zip(labels, said, strict=True)
        ]
    return [f"[{label}]" for label in labels]
