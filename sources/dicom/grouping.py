"""Group DICOM files into series: by what identifies them, then by acquisition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from ..errors import SourceError, explained
from ..files import SourceFile
from ..limits import Limits
from .acquisitions import Part, acquisitions_of
from .facts import Facts, facts_of, heights_of
from .header import read_header
from .image import check_is_ct, frames_of

LEAST_SLICES = 3
"""Fewest files with a SeriesInstanceUID each that may be slices of one series."""


@dataclass
class Group:
    """Files of one series.

    Parameters
    ----------
    files : list of Facts
    codes : list of str
        Warning codes that say what grouped the files, if that is in doubt.
    part : str
        What tells this acquisition from others of the series; empty if there is one.
    """

    files: list[Facts]
    codes: list[str]
    part: str = ""

    @property
    def first(self) -> Facts:
        """The first file, which stands for all."""
        return self.files[0]


def group_files(
    files: Iterable[SourceFile], limits: Limits, refused: list[SourceError], *, keep_frames: bool
) -> list[Group]:
    """Group DICOM files into series; add files that are not CT slices to `refused`."""
    known: dict[tuple[object, ...], list[Group]] = defaultdict(list)
    for file in files:
        try:
            with explained(str(file), "is a damaged DICOM file", "Copy or export it again"):
                header = read_header(file, limits)
                check_is_ct(file, header)
                one = facts_of(file, header, frames_of(file, header, limits), keep_frames=keep_frames)
        except SourceError as error:
            refused.append(error)
            continue
        same = known[one.identity, one.size, "" if one.uid else one.home]
        group = next((group for group in same if group.first.lies_like(one)), None)
        if group is None:
            same.append(Group([one], []))
        else:
            group.files.append(one)
    groups = [group for same in known.values() for group in same]
    groups = _with_own_uids(_completed(groups))
    return [one for group in groups for one in _divided(group, limits)]


def _completed(groups: list[Group]) -> list[Group]:
    """Add groups that lack a part of their identity to the only group that agrees with the rest; name the others."""
    by_series, by_home = defaultdict(list), defaultdict(list)
    for group in groups:
        by_series[group.first.uid].append(group)
        if group.first.uid:
            for home in {one.home for one in group.files}:
                by_home[home].append(group)
    left = []
    for group in sorted(groups, key=lambda group: group.first.identity.count(""), reverse=True):
        own = group.first
        near: Sequence[Group] = () if all(own.identity) else by_series[own.uid] if own.uid else by_home[own.home]
        agreeing = [other for other in near if other is not group and _completes(own, other.first)]
        if len(agreeing) == 1:
            agreeing[0].files.extend(group.files)
            agreeing[0].codes.extend([] if own.uid else ["grouped-without-uid"])
            continue
        if not own.uid and len(group.files) > 1:
            group.codes.append("grouped-without-uid")
        left.append(group)
    return left


def _completes(own: Facts, other: Facts) -> bool:
    """Tell whether another file agrees with all that one file knows of its identity, and knows more."""
    known = all(mine in ("", theirs) for mine, theirs in zip(own.identity, other.identity, strict=True))
    return known and own.identity != other.identity and own.lies_like(other)


def _with_own_uids(groups: list[Group]) -> list[Group]:
    """Put together slices that each have a SeriesInstanceUID of their own, if all else says they are one series."""
    alike: dict[tuple[object, ...], list[Group]] = defaultdict(list)
    for group in groups:
        alike[group.first.identity[:-1], group.first.home, group.first.size].append(group)
    found = []
    for same in alike.values():
        slices = [group.first for group in same]
        known = any(slices[0].identity[:-1])
        single = all(len(group.files) == 1 and len(group.first.positions) < 2 for group in same)
        if len(same) >= LEAST_SLICES and single and known and _are_neighbours(slices):
            found.append(Group(slices, ["grouped-without-uid"]))
        else:
            found.extend(same)
    return found


def _are_neighbours(slices: list[Facts]) -> bool:
    """Tell whether slices lie alike and each at a place of its own."""
    if not all(slices[0].lies_like(one) for one in slices):
        return False
    return len({height for own in heights_of(slices)[0] for height in own}) == len(slices)


def _divided(group: Group, limits: Limits) -> list[Group]:
    """Return a group's acquisitions, without copies of the same file."""
    kept = _without_copies(group.files, limits)
    codes = group.codes + (["duplicate-slices"] if len(kept) < len(group.files) else [])
    parts: list[Part] = acquisitions_of(kept)
    return [Group(part.files, [*dict.fromkeys([*codes, *filter(None, [part.code])])], part.name) for part in parts]


def _without_copies(files: list[Facts], limits: Limits) -> list[Facts]:
    """Leave out files whose bytes are those of another; only files that claim the same place are compared."""
    alike: dict[tuple[object, ...], list[Facts]] = defaultdict(list)
    for one in files:
        alike[one.instance, one.positions, one.order].append(one)
    copies: set[SourceFile] = set()
    for rivals in alike.values():
        seen: set[bytes] = set()
        for one in rivals if len(rivals) > 1 else ():
            content = _digest(one.file, limits)
            if content in seen:
                copies.add(one.file)
            seen.add(content)
    return [one for one in files if one.file not in copies]


def _digest(file: SourceFile, limits: Limits) -> bytes:
    with explained(str(file), "can't be read", "Check its permissions"), file.open(limits) as opened:
        return blake2b(opened.read(), digest_size=16).digest()
