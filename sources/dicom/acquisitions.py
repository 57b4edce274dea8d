"""Divide a series that holds several acquisitions or reconstructions of the same region."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..files import SourceFile
from ..grid import GAP, usual_step
from .facts import SPLITTING, Facts, heights_of

SAME_PLACE = 0.01
"""Slices closer together than this, in mm, are at the same position."""

LEAST_RUN = 3
"""Fewest slices of an acquisition that is recognised by the order of its slices alone."""

MOST_GAPS = 0.1
"""Share of gaps that may be larger than usual in an acquisition, unless its number says that it is one."""

TRUSTED = "acquisition"
"""The tag that divides even acquisitions that have gaps."""

Parts = dict[str, list[Facts]]
Heights = dict[SourceFile, tuple[float, ...]]
"""Where the frames of each file lie along the patient."""


@dataclass(frozen=True)
class Part:
    """Files of one acquisition.

    Parameters
    ----------
    files : list of Facts
    name : str
        What tells it apart, such as ``acquisition 2``; empty if the series wasn't divided.
    code : str
        Warning code; empty if the series wasn't divided.
    """

    files: list[Facts]
    name: str = ""
    code: str = ""


def acquisitions_of(group: list[Facts]) -> list[Part]:
    """Divide the files of a series where several acquisitions overlap; usually there is one.

    Acquisitions that lie one after the other, as of a scan in several steps, stay together. They are divided by the
    first of these that leaves complete parts: a tag of `SPLITTING`, the file if it has several frames, the folder, and
    the order of the slices.
    """
    if len(group) < 2:
        return [Part(group)]
    heights = {one.file: own for one, own in zip(group, heights_of(group)[0], strict=True)}
    for name, code, parts in _ways(group, heights):
        if _separates(parts, heights, trusted=name == TRUSTED):
            return _named(parts, name, code)
    return [Part(group)]


def _ways(group: list[Facts], heights: Heights) -> Iterator[tuple[str, str, Parts]]:
    """Yield ways to divide files: what each goes by, its warning code, and the parts."""
    for index, (name, _) in enumerate(SPLITTING):
        yield name, "split-by-tags", _by(group, [one.tags[index] for one in group])
    if any(len(one.positions) > 1 for one in group):
        yield "file", "split-by-tags", _by(group, [str(one.file) for one in group])
    yield "folder", "split-by-folder", _by(group, [one.home[0] for one in group])
    yield "pass", "split-by-order", _by_repeats(group, [heights[one.file][0] for one in group])
    yield "pass", "split-by-order", _by_repeats(group, [one.order[1] for one in group])
    yield "pass", "split-by-order", _by_runs(group, heights)


def _named(parts: Parts, name: str, code: str) -> list[Part]:
    """Return the parts, each divided further where needed."""
    found = []
    for number, (value, files) in enumerate(sorted(parts.items(), key=lambda item: str(item[0])), start=1):
        said = value if name == TRUSTED and str(value).isdigit() else number
        for part in acquisitions_of(files):
            found.append(Part(part.files, ", ".join(filter(None, [f"{name} {said}", part.name])), part.code or code))
    return found


def _by(group: list[Facts], values: list[str]) -> Parts:
    parts: Parts = defaultdict(list)
    for one, value in zip(group, values, strict=True):
        parts[value].append(one)
    return parts


def _separates(parts: Parts, heights: Heights, *, trusted: bool) -> bool:
    """Tell whether parts are several acquisitions of one region: some overlap, and each of them is complete."""
    slices = sum(len(heights[one.file]) for files in parts.values() for one in files)
    if len(parts) < 2 or (len(parts) * 2 > slices and not trusted):
        return False
    spans = []
    for files in parts.values():
        own = np.unique([height for one in files for height in heights[one.file]])
        if len(own) > 1:
            spans.append((float(own[0]), float(own[-1])))
        if not trusted and not _is_even(own):
            return False
    if len(spans) < 2 or not (trusted or len(spans) == len(parts)):
        return False
    spans.sort()
    return any(after[0] < end - SAME_PLACE for end, after in zip(_reached(spans), spans[1:], strict=True))


def _reached(spans: list[tuple[float, float]]) -> list[float]:
    """Return how far the spans up to each one reach."""
    return [float(end) for end in np.maximum.accumulate([span[1] for span in spans])][:-1]


def _is_even(heights: NDArray[np.float64]) -> bool:
    """Tell whether slices at these heights are a complete acquisition; one or two gaps are forgiven."""
    if len(heights) < 3:
        return True
    gaps = np.diff(heights)
    forgiven = max(1 if len(heights) >= 2 * LEAST_RUN else 0, MOST_GAPS * len(gaps))
    return int((gaps > GAP * usual_step(heights)).sum()) <= forgiven


def _by_repeats(group: list[Facts], values: Sequence[float]) -> Parts:
    """Divide files by how often their place or number has occurred before, if most occur several times."""
    parts: Parts = defaultdict(list)
    seen: dict[int, int] = defaultdict(int)
    for index in sorted(range(len(group)), key=lambda index: (group[index].order, str(group[index].file))):
        place = round(values[index] / SAME_PLACE)
        parts[f"{seen[place]:06}"].append(group[index])
        seen[place] += 1
    most = sum(count > 1 for count in seen.values()) * 2 >= len(seen) > 1
    return parts if most else {}


def _by_runs(group: list[Facts], heights: Heights) -> Parts:
    """Divide files, in the order of their numbers, where they turn back to the start, if each run is long enough."""
    ordered = sorted(group, key=lambda one: (one.order, str(one.file)))
    steps = [heights[after.file][0] - heights[before.file][0] for before, after in pairwise(ordered)]
    forward = 1 if sum(step > 0 for step in steps) * 2 > len(steps) else -1
    runs = [ordered[:1]]
    for one, step in zip(ordered[1:], steps, strict=True):
        if step * forward < 0:
            runs.append([])
        runs[-1].append(one)
    return {f"{number:06}": run for number, run in enumerate(runs)} if min(map(len, runs)) >= LEAST_RUN else {}
