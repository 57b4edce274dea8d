"""Parse untrusted text headers: line lengths are limited and every number is checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from ..errors import SourceError

HEADER_BYTES = 64 * 1024
LONGEST_LINE = 8192
MOST_LINES = 2000
"""Limits of a header. The longest real ones, of segmentations with a hundred segments, stay below."""

LARGEST = 1e9
"""Larger numbers can't be a distance in mm or a direction."""

Value = TypeVar("Value")

BLANKS = " \t"
CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
REAL = re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?")

UNITS = {
    **dict.fromkeys(("", "?", "mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1.0),
    **dict.fromkeys(("um", "\u00b5m", "\u00c2\u00b5m", "micron", "microns", "micrometer", "micrometers"), 1e-3),
    **dict.fromkeys(("cm", "centimeter", "centimeters"), 10.0),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1000.0),
}
"""Units of length in mm, also as text in UTF-8 looks when it is read as Latin-1; a missing unit means mm."""


def header_error(name: str, key: str, problem: str) -> SourceError:
    """Return the error for a header, naming the key and its problem."""
    return SourceError(
        name,
        f"has a header whose {key} {problem}",
        "Write the file again with the program that made it, or as NIfTI",
    )


def header_lines(name: str, head: bytes) -> Iterator[tuple[bytes, int]]:
    r"""Yield each line without its end, ``\n`` or ``\r\n``, and where the next begins.

    Parameters
    ----------
    name : str
        Name of the file, for errors.
    head : bytes
        The first `HEADER_BYTES` of a file; fewer only where the file is shorter.

    Raises
    ------
    SourceError
        For too many or too long lines, and for control characters: a lone carriage return could hide a line.
    """
    start = 0
    for number in range(1, MOST_LINES + 1):
        end = head.find(b"\n", start, start + LONGEST_LINE + 1)
        if end < 0 and len(head) - start > LONGEST_LINE:
            raise header_error(name, f"line {number}", f"is longer than {LONGEST_LINE} characters")
        if end < 0 and len(head) >= HEADER_BYTES:
            raise header_error(name, "end", f"doesn't come within {HEADER_BYTES} bytes")
        if end < 0 and start == len(head):
            return
        line = head[start:] if end < 0 else head[start:end].removesuffix(b"\r")
        if CONTROL.search(line):
            raise header_error(name, f"line {number}, {shown(line)},", "holds a control character")
        start = len(head) if end < 0 else end + 1
        yield line, start
    raise header_error(name, "end", f"doesn't come within {MOST_LINES} lines")


def shown(line: bytes | str) -> str:
    """Return the start of a header's text, quoted and safe to print."""
    return ascii((line.decode("latin-1") if isinstance(line, bytes) else line)[:40])


@dataclass(frozen=True)
class Header:
    """A parsed header.

    Parameters
    ----------
    name : str
        Name of the file, for errors.
    values : mapping
        Value of each key that is used.
    size : int
        Length of the header in bytes.
    beside : str, optional
        Name of the file that holds the pixels, if they don't follow the header.
    """

    name: str
    values: Mapping[str, str]
    size: int
    beside: str | None

    def error(self, key: str, problem: str) -> SourceError:
        """Return the error for a key's value."""
        return header_error(self.name, key, problem)

    def choice(self, key: str, known: Mapping[str, Value], default: str | None = None) -> Value:
        """Return the meaning of a key's value, ignoring case.

        Raises
        ------
        SourceError
            When it is missing and there is no default, or when it is unknown.
        """
        said = self.values.get(key, default)
        if said is None:
            raise self.error(key, "is missing")
        word = " ".join(_words(said.lower()))
        if word not in known:
            raise self.error(key, f"is {shown(said)}, which is not supported")
        return known[word]

    def words(self, key: str, count: int) -> list[str]:
        """Return a key's value as `count` words.

        Raises
        ------
        SourceError
        """
        if key not in self.values:
            raise self.error(key, "is missing")
        found = _words(self.values[key])
        if len(found) != count:
            raise self.error(key, f"holds {len(found)} values instead of {count}")
        return found

    def integers(self, key: str, count: int, lowest: int, highest: int) -> list[int]:
        """Return a key's value as `count` integers, each within bounds.

        Raises
        ------
        SourceError
        """
        found = self.words(key, count)
        for word in found:
            if not INTEGER.fullmatch(word) or not lowest <= int(word) <= highest:
                raise self.error(key, f"holds {shown(word)}, not a whole number from {lowest} to {highest}")
        return [int(word) for word in found]

    def integer(self, key: str, lowest: int, highest: int, default: int | None = None) -> int:
        """Return a key's value as one integer within bounds.

        Raises
        ------
        SourceError
        """
        if default is not None and key not in self.values:
            return default
        return self.integers(key, 1, lowest, highest)[0]

    def reals(self, key: str, count: int, *, missing: bool = False) -> list[float]:
        """Return a key's value as `count` finite numbers; with `missing`, NaN for those not given.

        Raises
        ------
        SourceError
        """
        if missing and key not in self.values:
            return [float("nan")] * count
        return [self.real(key, word, missing=missing) for word in self.words(key, count)]

    def real(self, key: str, word: str, *, missing: bool = False) -> float:
        """Return one word of a key's value as a finite number.

        Raises
        ------
        SourceError
        """
        if missing and word.lower() == "nan":
            return float("nan")
        if not REAL.fullmatch(word) or not abs(float(word)) <= LARGEST:
            raise self.error(key, f"holds {shown(word)}, not a number up to {LARGEST:g}")
        return float(word)

    def unit(self, key: str, word: str) -> float:
        """Return a unit of length in mm.

        Raises
        ------
        SourceError
        """
        unit = UNITS.get(word, UNITS.get(word.lower()))
        if unit is None:
            raise self.error(key, f"is {shown(word)}, not one of the supported units mm, um, cm, m")
        return unit


def _words(text: str) -> list[str]:
    """Split at spaces and tabs only; str.split would also split at Unicode spaces."""
    return [word for word in re.split(f"[{BLANKS}]+", text) if word]
